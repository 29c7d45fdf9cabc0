"""Cases in a real PostgreSQL: made, changed, linked, closed and opened again, each change kept and written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from contactd.config import CaseType, CustomerField
from contactd.core.ids import ContactId, PbxId, contact_id
from contactd.services.cases import casework
from contactd.services.cases.casework import Casework, How
from contactd.services.cases.changing import Edit
from contactd.services.cases.number import number_of, parse
from contactd.services.cases.rules import CaseRefused, Rules
from contactd.services.crm.identity import Numbering
from contactd.services.crm.whole import erase, export
from contactd.store import cases, parties, party_changes
from contactd.store.audit import Who
from contactd.store.cases import Asked, Case
from contactd.store.migrate import migrate
from contactd.store.party_changes import Edit as PartyEdit
from contactd.store.queries import query
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.engine.journal import fetch
from tests.lab.postgres import Postgres
from tests.store.test_parties import dump

ME = Who(0)
KEY = bytes(range(32))
RULES = Rules.of(
    {
        "complaint": CaseType(
            first_answer_min=120,
            resolution_min=960,
            reopen_days=7,
            topics={"delivery": "", "invoice": ""},
            fields={"order": CustomerField(), "size": CustomerField(type="number")},
        ),
        "idea": CaseType(reopen_days=0),
    },
    {},
    {"sales", "support"},
    {"anna", "bilal"},
)


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    """As contactctl connects."""
    async with reader(database, writes=True) as connection:
        yield connection


@pytest.fixture
def work(desk: asyncpg.Connection) -> Casework:
    return Casework(desk, Vault([KEY]), RULES, ME, "test")


async def contact(
    database: str, number: int, *, days_ago: float = 0, party: str | None = None, answered: bool = True
) -> ContactId:
    at = time.time() - days_ago * 86400 + number / 1000
    made = contact_id(PbxId("pbx1"), f"foreign.{number}", at)
    await fetch(
        database,
        "INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, agent, arrived_at, connected_at, outcome,"
        " party) VALUES ($1, 1, 'voice', 'pbx1', 'x', '5000', 'sales', 'anna', to_timestamp($2), to_timestamp($3),"
        " 'handled', $4)",
        *(made, at, at + 5 if answered else None, party),
    )
    return made


async def aged(database: str, case: Case, days: float) -> None:
    """The case, and all that happened to it, so much earlier."""
    for table, columns in (
        ("customer_case", ("made_at", "closed_at")),
        ("case_change", ("at",)),
        ("case_target", ("since", "due", "met_at")),
    ):
        key = "id" if table == "customer_case" else "case_id"
        sets = ", ".join(f"{column} = {column} - make_interval(secs => {days * 86400})" for column in columns)
        await fetch(database, f"UPDATE {table} SET {sets} WHERE {key} = $1", case.id)


async def lines(desk: asyncpg.Connection, case: Case) -> list[tuple[str, str | None, str | None]]:
    return [(change.what, change.was, change.now) for change in await cases.changes(desk, case.id)]


# --- made and changed ---


async def test_a_case_has_a_number_a_history_and_words_that_are_sealed(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    words = {"subject": "Parcel for Rumpelstilzchen", "order": "K-4711"}
    case = await work.open(Edit(topic="delivery", queue="sales", words=words))
    assert parse(case.number) == case.number
    assert (case.type, case.status, case.phase, case.queue) == ("complaint", "new", "open", "sales")
    await work.change(case.id, Edit(agent="anna", status="in_progress", words={"order": "K-4712", "size": "3"}))
    await work.change(case.id, Edit(words={"order": ""}))
    assert await lines(desk, case) == [
        ("made", None, "complaint"),
        ("status", None, "new"),
        ("topic", None, "delivery"),
        ("queue", None, "sales"),
        ("status", "new", "in_progress"),
        ("agent", None, "anna"),
        ("queue", "sales", None),
    ]
    said = await cases.reveal(desk, Vault([KEY]), ME, "test", [case.id])
    assert cases.current(said) == {case.id: {"subject": "Parcel for Rumpelstilzchen", "size": "3"}}
    assert [word.text for word in said if word.field == "order"] == ["K-4711", "K-4712", None]
    kept = str(await fetch(database, "SELECT case_word::text || customer_case::text FROM case_word, customer_case"))
    for value in ("Rumpelstilzchen", "K-4711", "K-4712"):
        assert value not in kept
    acts = await fetch(database, "SELECT act, case_id::text, outcome FROM audit WHERE act <> 'read' ORDER BY id")
    assert [(act, one) for act, one, _ in acts] == [("case-add", case.id), ("case-set", case.id), ("case-set", case.id)]
    assert acts[1][2].endswith("status agent order size")
    assert "K-4" not in str(acts)


async def test_what_is_refused_changes_nothing(database: str, work: Casework) -> None:
    case = await work.open(Edit())
    for edit in (Edit(status="solved"), Edit(agent="anna", words={"size": "three"}), Edit(topic="weather")):
        with pytest.raises(Exception, match=r"never solved|takes a number|no topic"):
            await work.change(case.id, edit)
    assert await fetch(database, "SELECT count(*) FROM case_change") == [2]
    assert await fetch(database, "SELECT agent FROM customer_case") == [None]
    with pytest.raises(CaseRefused, match="not there"):
        await work.change("01900000-0000-7000-8000-000000000000", Edit(agent="anna"))


async def test_a_number_that_is_taken_is_rolled_again(work: Casework, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled = iter([5, 5, 5, 6])
    monkeypatch.setattr(casework.secrets, "randbelow", lambda _: next(rolled))
    numbers = [(await work.open(Edit())).number for _ in range(2)]
    assert numbers == [number_of(100_000_005), number_of(100_000_006)]


async def test_two_who_change_it_at_once_both_tell_what_it_was(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit())
    async with reader(database, writes=True) as second:
        other = replace(work, connection=second)
        await asyncio.gather(
            *(work.change(case.id, Edit(agent="anna")), other.change(case.id, Edit(agent="bilal"))),
        )
    found = [line for line in await lines(desk, case) if line[0] == "agent"]
    first, last = found
    assert first[1] is None and last[1] == first[2] and {first[2], last[2]} == {"anna", "bilal"}


async def test_nothing_of_a_history_can_be_changed_and_no_word_read_without_the_audit(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit(words={"subject": "Secret"}))
    other = await work.open(Edit(words={"subject": "Other"}))
    for sql in (
        "SELECT value FROM case_word",
        "UPDATE case_word SET who = 'x'",
        "DELETE FROM case_word",
        "UPDATE case_change SET who = 'x'",
        "DELETE FROM case_change",
        "INSERT INTO case_change (case_id, at, who, what) SELECT id, '2020-01-01', 'x', 'x' FROM customer_case",
        "UPDATE customer_case SET number = '1047362946'",
        "UPDATE customer_case SET made_at = now()",
        "DELETE FROM customer_case",
        "DELETE FROM case_target",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await desk.execute(sql)
    shown = await cases.reveal(desk, Vault([KEY]), ME, "test", [case.id])
    assert [word.text for word in shown] == ["Secret"]
    assert await fetch(database, "SELECT case_id::text FROM audit WHERE act = 'read'") == [case.id]
    look = "SELECT * FROM reveal_case($1)"
    insert = "INSERT INTO audit (who, via, act, case_id, fields) VALUES ('x', 'x', $1, $2, $3) RETURNING id"
    assert await desk.fetch(look, [99]) == []
    assert await desk.fetch(look, [await desk.fetchval(insert, "read", other.id, ["customer"])]) == []
    assert await desk.fetch(look, [await desk.fetchval(insert, "search", other.id, ["case"])]) == []
    async with desk.transaction():  # may still be rolled back
        assert await desk.fetch(look, [await desk.fetchval(insert, "read", other.id, ["case"])]) == []
    old = await desk.fetchval(insert, "read", other.id, ["case"])
    await fetch(database, "UPDATE audit SET at = at - interval '61 s' WHERE id = $1", old)
    assert await desk.fetch(look, [old]) == []


# --- contacts ---


async def test_a_contact_gives_the_case_its_customer_and_the_first_answer(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    party = await party_changes.add(desk, work.vault, ME, PartyEdit())
    spoken = await contact(database, 1, party=party)
    case = await work.open(Edit(), spoken)
    assert case.party == party
    targets = {target.kind: target for target in (await cases.targets(desk, [case.id]))[case.id]}
    assert targets["first_answer"].met_at is not None and targets["resolution"].due is not None
    unspoken = await contact(database, 2, party=party, answered=False)
    other = await work.open(Edit(), unspoken)
    targets = {target.kind: target for target in (await cases.targets(desk, [other.id]))[other.id]}
    assert targets["first_answer"].met_at is None
    assert {one.id for one in await cases.found(desk, Asked(party=party), 10)} == {case.id, other.id}
    assert [one.id for one in await cases.found(desk, Asked(contact=unspoken), 10)] == [other.id]
    # A case of nobody becomes the contact's.
    nobodys = await work.open(Edit())
    linked, how = await work.link(nobodys.id, spoken)
    assert (linked.party, how) == (party, How.LINKED)
    assert (await work.link(nobodys.id, spoken))[1] is How.ALREADY
    await work.unlink(nobodys.id, spoken)
    with pytest.raises(CaseRefused, match="is not linked"):
        await work.unlink(nobodys.id, spoken)
    assert [line for line in await lines(desk, nobodys) if line[0] == "contact"] == [
        ("contact", None, spoken),
        ("contact", spoken, None),
    ]


async def test_who_comes_again_within_the_days_opens_the_case_again(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit())
    await work.change(case.id, Edit(status="in_progress"))
    await work.close(case.id)
    with pytest.raises(CaseRefused, match="closed already"):
        await work.close(case.id)
    earlier = await contact(database, 1, days_ago=1)
    assert (await work.link(case.id, earlier))[1] is How.LINKED
    await aged(database, case, 6.9)
    only = await contact(database, 2)
    linked, how = await work.link(case.id, only, again=False)
    assert (linked.phase, how) == ("closed", How.LINKED)
    again, how = await work.link(case.id, await contact(database, 3))
    assert (again.id, again.status, again.closed_at, how) == (case.id, "in_progress", None, How.REOPENED)
    (resolution,) = [one for one in (await cases.targets(desk, [case.id]))[case.id] if one.kind == "resolution"]
    assert resolution.met_at is None and resolution.due is not None


async def test_who_comes_later_gets_a_new_case_that_follows_and_the_next_contact_too(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit(topic="invoice", queue="support", words={"subject": "Twice"}))
    await work.close(case.id)
    await aged(database, case, 7.1)
    late = [await contact(database, number) for number in (1, 2, 3)]
    async with reader(database, writes=True) as second:
        other = replace(work, connection=second)
        done = await asyncio.gather(work.link(case.id, late[0]), other.link(case.id, late[1]))
    assert {how for _, how in done} == {How.FOLLOWED, How.FOLLOWER}
    (follower,) = {one.id for one, _ in done}
    (new,) = await cases.rows(desk, [follower])
    assert (new.follows, new.type, new.topic, new.queue, new.status) == (
        case.id,
        "complaint",
        "invoice",
        "support",
        "new",
    )
    assert new.number != case.number
    # The follower itself is closed, and is opened again: it is about the same.
    await work.close(new.id)
    after = await contact(database, 5)
    assert (await work.link(case.id, after))[1] is How.REOPENED
    assert [one.contact for one in await cases.contacts(desk, [new.id])] == [late[0], late[1], after]
    idea = await work.open(Edit(type="idea"))
    await work.close(idea.id)
    await aged(database, idea, 0.001)
    assert (await work.link(idea.id, late[2]))[1] is How.FOLLOWED


async def test_a_contact_ends_the_wait_for_the_customer(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    case = await work.open(Edit())
    await work.change(case.id, Edit(status="in_progress"))
    await work.change(case.id, Edit(status="waiting"))
    (paused,) = [one for one in (await cases.targets(desk, [case.id]))[case.id] if one.kind == "resolution"]
    assert paused.since is None and paused.due is None
    before = await contact(database, 1, days_ago=1)
    assert (await work.link(case.id, before))[0].phase == "waiting"
    await aged(database, case, 1)
    resumed, how = await work.link(case.id, await contact(database, 2))
    assert (resumed.status, how) == ("in_progress", How.RESUMED)
    (running,) = [one for one in (await cases.targets(desk, [case.id]))[case.id] if one.kind == "resolution"]
    assert running.due is not None and running.due == pytest.approx(time.time() + paused.left_s, abs=60)


async def test_history_that_lags_does_not_hide_when_a_contact_came(work: Casework) -> None:
    case = await work.open(Edit())
    await work.close(case.id)
    unknown = contact_id(PbxId("pbx1"), "foreign.1", time.time() + 5)
    assert (await work.link(case.id, unknown))[1] is How.REOPENED


# --- the customer's own: timeline, export, erasing ---


async def test_the_timeline_has_cases_and_what_contacts_are_about_also_of_merged_records(
    database: str, desk: asyncpg.Connection, work: Casework
) -> None:
    one, other = [await party_changes.add(desk, work.vault, ME, PartyEdit()) for _ in range(2)]
    await party_changes.merge(desk, ME, other, one)
    about = await contact(database, 1, days_ago=1, party=other)
    aside = await contact(database, 2, days_ago=1, party=one)
    case = await work.open(Edit(topic="invoice", agent="anna", words={"subject": "Twice"}), about)
    second = await work.open(Edit(party=one))
    await work.link(second.id, about)
    entries = await parties.timeline(desk, one, time.time() + 1, 10)
    told = [(entry.kind, entry.ref, sorted(entry.cases)) for entry in entries]
    assert told == [
        ("case", second.id, [second.number]),
        ("case", case.id, [case.number]),
        ("contact", aside, []),
        ("contact", about, sorted([case.number, second.number])),
    ]
    first = entries[1]
    assert (first.party, first.type, first.topic, first.status, first.phase, first.agent) == (
        *(other, "complaint", "invoice", "new", "open", "anna"),
    )
    older = await parties.timeline(desk, one, entries[1].at, 1)
    assert [entry.ref for entry in older] == [aside]
    await party_changes.unmerge(desk, ME, other)
    assert {entry.ref for entry in await parties.timeline(desk, one, time.time() + 1, 10)} == {second.id, aside}


@pytest.mark.parametrize("vault", [Vault(), Vault([KEY])], ids=["plain", "sealed"])
async def test_a_person_is_given_and_erased_with_what_was_written_of_their_cases_and_no_others(
    postgres: Postgres, database: str, desk: asyncpg.Connection, work: Casework, vault: Vault
) -> None:
    work = replace(work, vault=vault)
    phone = [("phone", "+4930887766551")]
    one = await party_changes.add(desk, vault, ME, PartyEdit(identities=phone))
    merged, stranger = [await party_changes.add(desk, vault, ME, PartyEdit()) for _ in range(2)]
    await party_changes.merge(desk, ME, merged, one)
    theirs = await contact(database, 1, party=one)
    by_number = await contact(database, 2)
    await fetch(database, "INSERT INTO contact_private VALUES ($1, '\\x00', '030887766551', 'Eve')", by_number)
    mine = await work.open(Edit(party=merged, words={"subject": "Spinning gold", "order": "K-4711"}))
    await work.note(mine.id, "Guess my name.")
    nobodys = await work.open(Edit(words={"subject": "Straw in the cellar"}))
    await work.link(nobodys.id, by_number)
    others = await work.open(Edit(party=stranger, words={"subject": "Stays as it is"}))
    await work.note(others.id, "Rumpel called for her.", theirs)
    await work.note(others.id, "Nobody else did.")

    told = await export(desk, vault, ME, one)
    assert [case["number"] for case in told["cases"]] == [mine.number]
    assert {word["text"] for word in told["cases"][0]["words"]} == {"Spinning gold", "K-4711", "Guess my name."}
    assert "case" in str(told["who_looked"])

    done = await erase(desk, vault, Numbering("DE"), ME, one)
    assert (done.parties, done.cases) == (2, 3)
    left = await cases.reveal(desk, vault, ME, "test", [mine.id, nobodys.id, others.id])
    assert [word.text for word in left] == ["Stays as it is", "Nobody else did."]
    after = dump(postgres, database)
    for value in ("Spinning gold", "K-4711", "Guess my name", "Straw in the cellar", "Rumpel"):
        assert value not in after
    # History is whole, and names nobody.
    assert [line for line in await lines(desk, mine)][:1] == [("made", None, "complaint")]
    assert len(await cases.rows(desk, [mine.id, nobodys.id])) == 2


async def test_erasing_words_is_only_for_an_erasure_that_was_written_down(
    desk: asyncpg.Connection, work: Casework
) -> None:
    one = await party_changes.add(desk, work.vault, ME, PartyEdit())
    await work.open(Edit(party=one, words={"subject": "x"}))
    with pytest.raises(asyncpg.RaiseError, match="write it down first"):
        await desk.fetchval("SELECT erase_cases(99, $1, '{}')", one)


async def test_words_are_sealed_anew_with_a_new_key(database: str, desk: asyncpg.Connection, work: Casework) -> None:
    plain = replace(work, vault=Vault())
    case = await plain.open(Edit(words={"subject": "Spinning gold", "order": "1"}))
    await plain.change(case.id, Edit(words={"order": ""}))
    both = Vault([KEY])
    await migrate(database, vault=both)
    (kept,) = await fetch(database, "SELECT string_agg(value, ' ') FROM case_word")
    assert "Spinning" not in kept
    said = await cases.reveal(desk, both, ME, "test", [case.id])
    assert cases.current(said) == {case.id: {"subject": "Spinning gold"}}


async def test_a_light_record_with_a_case_is_kept(database: str, desk: asyncpg.Connection, work: Casework) -> None:
    (light,) = await fetch(
        database,
        "INSERT INTO party (id, light, made_at) VALUES (gen_random_uuid(), true, '2020-01-01') RETURNING id::text",
    )
    await work.open(Edit(party=light))
    await fetch(database, "SELECT forget_light_parties('1 day')")
    assert await fetch(database, "SELECT id::text FROM party") == [light]


# --- at scale ---


async def test_every_question_about_cases_uses_an_index(database: str, desk: asyncpg.Connection) -> None:
    await fetch(
        database,
        "INSERT INTO customer_case (id, number, type, topic, status, phase, party, agent, queue, made_at, closed_at)"
        " SELECT gen_random_uuid(), (1000000000 + n)::text, 'complaint', 'delivery', 'closed', 'closed',"
        " gen_random_uuid(), 'agent' || n % 200, NULL, now() - make_interval(secs => n), now()"
        " FROM generate_series(1, 20000) AS n",
    )
    await fetch(
        database,
        "INSERT INTO case_contact (case_id, contact) SELECT id, gen_random_uuid() FROM customer_case",
    )
    await fetch(
        database,
        "INSERT INTO case_target (case_id, kind, left_s, met_at) SELECT id, 'resolution', 1, now() FROM customer_case",
    )
    for table in ("customer_case", "case_contact", "case_target"):
        await fetch(database, f"ANALYZE {table}")
    one = "01900000-0000-7000-8000-000000000000"
    asked = {
        "case_by_number": ["'1000000007'"],
        "case_follower": [f"'{one}'"],
        "case_contacts": [f"'{{{one}}}'"],
        "case_targets": [f"'{{{one}}}'"],
        "case_changes": [f"'{one}'"],
        "cases": ["false, NULL, NULL, NULL, 'agent7', NULL, NULL, NULL, 20"],
    }
    everything = "true, NULL, NULL, NULL, NULL, NULL, {}, {}, 20"
    for name, arguments in (
        *((name, values[0]) for name, values in asked.items()),
        ("cases", everything.format(f"'{one}'", "NULL")),
        ("cases", everything.format("NULL", f"'{one}'")),
        ("cases", everything.format("NULL", "NULL")),
    ):
        await desk.execute(f"PREPARE t AS {query(name)}")
        plan = "\n".join(row[0] for row in await desk.fetch(f"EXPLAIN EXECUTE t({arguments})"))
        await desk.execute("DEALLOCATE t")
        assert "Seq Scan on c" not in plan, (name, plan)
