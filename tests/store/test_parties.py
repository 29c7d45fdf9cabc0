"""Parties in a real PostgreSQL: met by two calls at once, read through the audit, merged and back, erased whole."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from contactd.core.ids import AgentId, ContactId, PartyId, PbxId, QueueId, contact_id
from contactd.services.crm.callers import found_by, searched
from contactd.services.crm.identity import Numbering
from contactd.services.crm.whole import erase, export
from contactd.store import audit, parties, party_changes
from contactd.store.audit import Person, Who
from contactd.store.migrate import migrate
from contactd.store.parties import NAME, Directory, fresh_id, open_directory_pool
from contactd.store.party_changes import Edit, MergeRefused
from contactd.store.queries import query
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.engine.journal import fetch
from tests.lab.postgres import Postgres

ME = Who(0)
KEY, OTHER_KEY = bytes(range(32)), bytes(range(5, 37))
NUMBER, SECOND, MAIL = "+4930887766551", "+4989112233445", "anna@example.org"
DE = Numbering("DE")


@pytest.fixture
def vault() -> Vault:
    return Vault([KEY])


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    """As contactctl connects."""
    async with reader(database, writes=True) as connection:
        yield connection


@contextlib.asynccontextmanager
async def directory(database: str) -> AsyncIterator[Directory]:
    pool = await open_directory_pool(database, size=4)
    try:
        yield Directory(pool, timeout_s=5)
    finally:
        pool.terminate()


async def customer(desk: asyncpg.Connection, vault: Vault, *identities: tuple[str, str], name: str = "Anna") -> PartyId:
    fields = {NAME: (name, parties.same_name(name))}
    return await party_changes.add(desk, vault, ME, Edit(fields=fields, identities=identities))


async def contact_of(
    database: str,
    party: PartyId | None,
    number: int,
    *,
    ani: str = "030887766551",
    queue: str = "sales",
    agent: str | None = "anna",
    days_ago: float = 0,
) -> ContactId:
    at = time.time() - days_ago * 86400
    made = contact_id(PbxId("pbx1"), f"pbx1-{int(at)}.{number}", at)
    await fetch(
        database,
        "INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, agent, arrived_at, outcome, party)"
        " VALUES ($1, 1, 'voice', 'pbx1', 'x', '5000', $2, $3, to_timestamp($4), 'handled', $5)",
        *(made, queue, agent, at, party),
    )
    await fetch(database, "INSERT INTO contact_private VALUES ($1, '\\x00', $2, 'Eve')", made, ani)
    return made


# --- on arrival ---


async def test_two_calls_at_once_from_an_unknown_number_make_one_record(database: str, vault: Vault) -> None:
    async with directory(database) as asked:
        calls = [asked.arrives(vault, "phone", NUMBER, days=0, make=True) for _ in range(12)]
        found = await asyncio.gather(*calls)
        again = await asked.arrives(vault, "phone", NUMBER, days=0, make=True)
    assert {len(records) for records in found} == {1}
    assert len({records[0].party for records in found}) == 1
    assert again[0].party == found[0][0].party
    assert again[0].light
    assert await fetch(database, "SELECT count(*) FROM party") == [1]


async def test_without_light_records_an_unknown_number_leaves_nothing(database: str, vault: Vault) -> None:
    async with directory(database) as asked:
        assert await asked.arrives(vault, "phone", NUMBER, days=0, make=False) == []
    assert await fetch(database, "SELECT count(*) FROM party") == [0]


async def test_a_number_of_a_household_is_that_of_all_of_them(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    both = {await customer(desk, vault, ("phone", NUMBER), name=name) for name in ("Anna", "Bert")}
    async with directory(database) as asked:
        found = await asked.arrives(vault, "phone", NUMBER, days=0, make=True)
    assert {record.party for record in found} == both


async def test_the_last_agent_of_each_queue_within_the_days(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one, merged = await customer(desk, vault, ("phone", NUMBER)), await customer(desk, vault, ("phone", SECOND))
    await party_changes.merge(desk, ME, merged, one)
    for number, (party, queue, agent, days_ago) in enumerate(
        [
            (one, "sales", "anna", 3),
            (merged, "sales", "bilal", 2),
            (one, "sales", None, 1),
            (one, "support", "carla", 9),
            (one, "gone", "david", 40),
        ]
    ):
        await contact_of(database, party, number, queue=queue, agent=agent, days_ago=days_ago)
    async with directory(database) as asked:
        (found,) = await asked.arrives(vault, "phone", SECOND, days=30, make=True)
        none = await asked.arrives(vault, "phone", SECOND, days=0, make=True)
        known = await asked.known(merged, days=30)
        assert await asked.known(PartyId(fresh_id()), days=30) is None
    wanted = {QueueId("sales"): AgentId("bilal"), QueueId("support"): AgentId("carla")}
    assert found.party == one
    assert dict(found.agents) == wanted
    assert dict(none[0].agents) == {}
    assert known is not None and (known.party, dict(known.agents)) == (one, wanted)


# --- who may read ---


@pytest.mark.parametrize("vault", [Vault(), Vault([KEY])], ids=["plain", "sealed"])
async def test_values_are_shown_only_for_reads_that_were_written_down(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one, other = await customer(desk, vault, ("phone", NUMBER)), await customer(desk, vault, ("mail", MAIL))
    await party_changes.note(desk, vault, ME, one, "Likes tea.")
    shown = await parties.reveal(desk, vault, ME, [one])
    assert {(source, value.text) for source, value in shown} == {
        ("identity", NUMBER),
        ("field", "Anna"),
        ("note", "Likes tea."),
    }
    reads = await fetch(database, "SELECT party::text FROM audit WHERE act = 'read'")
    assert reads == [one]
    look = "SELECT * FROM reveal_party($1)"
    insert = "INSERT INTO audit (who, via, act, party, fields) VALUES ('x', 'x', $1, $2, $3) RETURNING id"
    assert await desk.fetch(look, [99]) == []
    assert await desk.fetch(look, [await desk.fetchval(insert, "read", other, ["name"])]) == []
    assert await desk.fetch(look, [await desk.fetchval(insert, "search", other, ["customer"])]) == []
    async with desk.transaction():  # may still be rolled back
        assert await desk.fetch(look, [await desk.fetchval(insert, "read", other, ["customer"])]) == []
    old = await desk.fetchval(insert, "read", other, ["customer"])
    await fetch(database, "UPDATE audit SET at = at - interval '61 s' WHERE id = $1", old)
    assert await desk.fetch(look, [old]) == []


async def test_no_value_is_in_the_audit_and_none_in_a_dump_where_a_key_is(
    postgres: Postgres, database: str, desk: asyncpg.Connection
) -> None:
    vault = Vault([KEY])
    one = await customer(desk, vault, ("phone", NUMBER), ("mail", MAIL), name="Rumpelstilzchen")
    await party_changes.note(desk, vault, ME, one, "Spins gold.")
    await parties.find(desk, vault, ME, "phone", NUMBER)
    dumped = dump(postgres, database)
    assert one in dumped
    for value in (NUMBER, MAIL, "Rumpelstilzchen", "Spins gold"):
        assert value not in dumped
    audit = str(await fetch(database, "SELECT audit::text FROM audit"))
    assert "customer-note" in audit and "search" in audit


def dump(postgres: Postgres, database: str) -> str:
    assert postgres._bin
    argv = [str(postgres._bin / "pg_dump"), "--data-only", "--inserts", database]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


# --- changing ---


async def test_what_is_not_named_stays_and_what_is_empty_is_cleared(desk: asyncpg.Connection, vault: Vault) -> None:
    edit = Edit(language="de", vip=True, fields={NAME: ("Anna", "anna"), "city": ("Berlin", None)})
    one = await party_changes.add(desk, vault, ME, edit)
    await party_changes.change(desk, vault, ME, one, Edit(medium="tty", fields={"city": (None, None)}))
    profile = await parties.profile(desk, vault, ME, one)
    row = profile.rows[0]
    assert (row.language, row.vip, row.medium, row.light) == ("de", True, "tty", False)
    assert [value.text for value in profile.fields] == ["Anna"]
    await party_changes.change(desk, vault, ME, one, Edit(language="", identities=[("phone", NUMBER)] * 2))
    profile = await parties.profile(desk, vault, ME, one)
    assert profile.rows[0].language is None
    (number,) = profile.identities
    await party_changes.change(desk, vault, ME, one, Edit(drop=[int(number.ref)]))
    assert await parties.find(desk, vault, ME, "phone", NUMBER) == []


async def test_a_caller_whose_medium_is_a_text_telephone_is_known_by_it(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one = await customer(desk, vault, ("phone", NUMBER), name="Anna")
    async with directory(database) as asked:
        (found,) = await asked.arrives(vault, "phone", NUMBER, days=0, make=True)
        assert not found.text
        await party_changes.change(desk, vault, ME, one, Edit(medium="tty"))
        (found,) = await asked.arrives(vault, "phone", NUMBER, days=0, make=True)
        known = await asked.known(one, days=0)
    assert found.text and known is not None and known.text


async def test_consents_have_a_history(desk: asyncpg.Connection, vault: Vault) -> None:
    one = await customer(desk, vault)
    await party_changes.consent(desk, ME, one, "recording", "phone", given=True)
    await party_changes.consent(desk, ME, one, "recording", "letter", given=False)
    consents = (await parties.profile(desk, vault, ME, one)).consents
    assert [(one.given, one.how) for one in consents] == [(False, "letter"), (True, "phone")]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.execute("UPDATE party_consent SET given = true")


async def test_a_merge_is_found_from_both_numbers_and_undone(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one, other = await customer(desk, vault, ("phone", NUMBER)), await customer(desk, vault, ("phone", SECOND))
    third = await customer(desk, vault, ("mail", MAIL))
    first, second = await contact_of(database, one, 1, days_ago=2), await contact_of(database, other, 2, days_ago=1)
    await party_changes.merge(desk, ME, other, one)
    await party_changes.merge(desk, ME, one, third)
    for kind, value in (("phone", NUMBER), ("phone", SECOND), ("mail", MAIL)):
        assert await parties.find(desk, vault, ME, kind, value) == [third]
    entries = await parties.timeline(desk, third, time.time() + 1, 10)
    assert [entry.contact for entry in entries] == [second, first]
    assert await party_changes.unmerge(desk, ME, one) == third
    assert await parties.find(desk, vault, ME, "phone", SECOND) == [one]
    assert await parties.find(desk, vault, ME, "mail", MAIL) == [third]
    assert await parties.timeline(desk, third, time.time() + 1, 10) == []


async def test_merges_that_make_no_sense_are_refused(desk: asyncpg.Connection, vault: Vault) -> None:
    one, other, third = [await customer(desk, vault) for _ in range(3)]
    with pytest.raises(MergeRefused, match="same person"):
        await party_changes.merge(desk, ME, one, one)
    await party_changes.merge(desk, ME, one, other)
    with pytest.raises(MergeRefused, match="merged already"):
        await party_changes.merge(desk, ME, one, third)
    with pytest.raises(MergeRefused, match="same person"):
        await party_changes.merge(desk, ME, other, one)
    with pytest.raises(MergeRefused, match="not merged"):
        await party_changes.unmerge(desk, ME, other)
    with pytest.raises(MergeRefused, match="not there"):
        await party_changes.merge(desk, ME, third, PartyId(fresh_id()))


async def test_two_merges_crosswise_at_once_make_no_ring(database: str, desk: asyncpg.Connection, vault: Vault) -> None:
    for _ in range(5):
        one, other = await customer(desk, vault), await customer(desk, vault)
        async with reader(database, writes=True) as second:
            done = await asyncio.gather(
                party_changes.merge(desk, ME, one, other),
                party_changes.merge(second, ME, other, one),
                return_exceptions=True,
            )
        assert sorted(type(result).__name__ for result in done) == ["MergeRefused", "NoneType"]


async def test_merges_at_once_of_those_above_make_no_ring(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    for _ in range(5):
        one, other, above = [await customer(desk, vault) for _ in range(3)]
        below = await customer(desk, vault)
        await party_changes.merge(desk, ME, other, above)
        await party_changes.merge(desk, ME, below, one)
        async with reader(database, writes=True) as second:
            done = await asyncio.gather(
                party_changes.merge(desk, ME, one, other),
                party_changes.merge(second, ME, above, below),
                return_exceptions=True,
            )
        assert sorted(type(result).__name__ for result in done) == ["MergeRefused", "NoneType"]
        roots = {await parties.root(desk, party) for party in (one, other, above, below)}
        assert len(roots) == 1 and roots != {None}


async def test_a_number_of_very_many_is_told_as_that_of_many(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    """A switchboard's: nobody waits until thousands are looked at."""
    await fetch(database, "INSERT INTO party (id) SELECT gen_random_uuid() FROM generate_series(1, 3000)")
    insert = "INSERT INTO party_identity (party, kind, lookup, value) SELECT id, 'phone', $1, '=x' FROM party"
    await fetch(database, insert, vault.lookup("phone", NUMBER))
    async with directory(database) as asked:
        found = await asked.arrives(vault, "phone", NUMBER, days=30, make=True)
    assert len(found) == 100
    assert await fetch(database, "SELECT count(*) FROM party WHERE light") == [0]


@pytest.mark.parametrize("vault", [Vault(), Vault([KEY])], ids=["plain", "sealed"])
async def test_duplicates_share_something_and_are_scored(desk: asyncpg.Connection, vault: Vault) -> None:
    one = await customer(desk, vault, ("phone", NUMBER), ("mail", MAIL), name="Dr. Anna  Müller")
    other = await customer(desk, vault, ("phone", NUMBER), name="Mueller, Anna")
    third = await customer(desk, vault, ("mail", MAIL), name="Bert")
    fourth = await customer(desk, vault, name="BERT")
    await customer(desk, vault, ("phone", SECOND), name="Carla")
    found = await parties.duplicates(desk, 10)
    assert [({pair.one, pair.other}, pair.score, pair.why) for pair in found] == [
        ({one, other}, 80, "phone, similar name"),
        ({one, third}, 60, "mail"),
        ({third, fourth}, 40, "name"),
    ]
    assert all(pair.one < pair.other for pair in found)
    assert await parties.duplicates(desk, 10, fourth) == found[2:]
    assert await parties.duplicates(desk, 1) == found[:1]


async def test_a_pair_that_was_said_to_be_two_or_is_merged_is_no_candidate(
    desk: asyncpg.Connection, vault: Vault
) -> None:
    one, other, third = [await customer(desk, vault, ("phone", NUMBER), name=name) for name in ("A", "B", "C")]
    assert len(await parties.duplicates(desk, 10)) == 3
    await party_changes.keep_apart(desk, ME, other, one)
    assert {frozenset((pair.one, pair.other)) for pair in await parties.duplicates(desk, 10)} == {
        frozenset((one, third)),
        frozenset((other, third)),
    }
    # Of whom another one is the same person, that person too is another.
    await party_changes.merge(desk, ME, third, other)
    assert await parties.duplicates(desk, 10) == []
    with pytest.raises(MergeRefused, match="one person here"):
        await party_changes.keep_apart(desk, ME, third, other)
    assert await party_changes.keep_apart_no_more(desk, ME, one, other)
    assert not await party_changes.keep_apart_no_more(desk, ME, one, other)
    (pair,) = await parties.duplicates(desk, 10)
    assert {pair.one, pair.other} == {one, other}
    await party_changes.keep_apart(desk, ME, one, other)
    await erase(desk, vault, DE, ME, one)
    assert await desk.fetch("SELECT * FROM party_apart") == []


async def test_what_many_share_tells_less_and_of_too_many_nothing(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    for n in range(6):
        await customer(desk, vault, ("phone", NUMBER), name=f"Person {n}")
    assert {(pair.score, pair.why) for pair in await parties.duplicates(desk, 100)} == {(10, "phone")}
    for n in range(6, 21):
        await customer(desk, vault, ("phone", NUMBER), name=f"Person {n}")
    assert await parties.duplicates(desk, 1000) == []


async def test_a_name_of_before_is_compared_from_the_night_on(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one, other = await customer(desk, vault, name="Anna Müller"), await customer(desk, vault, name="Müller Anna")
    await fetch(database, "UPDATE party_private SET alike = NULL")
    assert await parties.duplicates(desk, 10) == []
    await migrate(database, vault=vault)
    assert {(pair.one, pair.other, pair.score) for pair in await parties.duplicates(desk, 10)} == {
        (min(one, other), max(one, other), 30)
    }


async def test_the_timeline_has_everything_in_one_order_and_uses_indexes(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one = await customer(desk, vault)
    await contact_of(database, one, 1, days_ago=2)
    await party_changes.note(desk, vault, ME, one, "Called back.")
    await party_changes.consent(desk, ME, one, "marketing", "web", given=False)
    entries = await parties.timeline(desk, one, time.time() + 1, 10)
    assert [entry.kind for entry in entries] == ["consent", "note", "contact"]
    assert [entry.kind for entry in await parties.timeline(desk, one, entries[0].at, 10)] == ["note", "contact"]
    assert len(await parties.timeline(desk, one, time.time() + 1, 2)) == 2
    await fetch(
        database,
        "INSERT INTO contact (id, floor, medium, pbx, call, dnis, arrived_at, party)"
        " SELECT gen_random_uuid(), 1, 'voice', 'pbx1', 'x', '1', now() - make_interval(secs => n),"
        " CASE WHEN n % 100 = 0 THEN gen_random_uuid() END FROM generate_series(1, 20000) AS n; ",
    )
    await fetch(database, "ANALYZE contact")
    async with reader(database) as connection:
        await connection.execute(f"PREPARE t AS {query('timeline')}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE t('{one}', 2e9, 20)"))
    assert "contact_party" in plan
    assert "Seq Scan on contact" not in plan


# --- out, and away ---


@pytest.mark.parametrize("vault", [Vault(), Vault([KEY])], ids=["plain", "sealed"])
async def test_erasing_removes_every_value_and_leaves_the_neighbours(
    postgres: Postgres, database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    values = [("phone", NUMBER), ("mail", MAIL), ("chat", "matrix:@anna:example.org"), ("external", "crm:A-4711")]
    one = await customer(desk, vault, *values, name="Rumpelstilzchen")
    merged = await customer(desk, vault, ("phone", SECOND), name="Rumpel")
    await party_changes.merge(desk, ME, merged, one)
    await party_changes.note(desk, vault, ME, one, "Spins gold.")
    neighbour = await customer(desk, vault, ("phone", NUMBER), name="Neighbour")
    await contact_of(database, one, 1, ani="anything")
    await contact_of(database, merged, 2, ani="089112233445")
    await contact_of(database, None, 3, ani="0030887766551")
    unassigned = await contact_of(database, None, 4, ani="030887766551")
    theirs = await contact_of(database, neighbour, 5, ani="030887766551")
    stranger = await contact_of(database, None, 6, ani="0301")

    told = await export(desk, vault, ME, one)
    text = str(told)
    for value in (*(value for _, value in values), SECOND, "Rumpelstilzchen", "Rumpel", "Spins gold.", "089112233445"):
        assert value in text
    assert len(told["contacts"]) == 2

    done = await erase(desk, vault, DE, ME, one)
    assert (done.parties, done.private) == (2, 3)
    left = set(await fetch(database, "SELECT contact::text FROM contact_private"))
    assert unassigned not in left and {theirs, stranger} <= left
    dumped = dump(postgres, database)
    for value in (MAIL, "matrix:@anna", "crm:A-4711", SECOND, "Rumpel", "Spins gold", "089112233445"):
        assert value not in dumped
        assert value.encode().hex() not in dumped
    assert await fetch(database, "SELECT id::text FROM party") == [neighbour]
    assert await fetch(database, "SELECT count(*) FROM contact") == [6]
    acts = await fetch(database, "SELECT act FROM audit WHERE party = $1 ORDER BY id", one)
    assert acts[-1] == "erase"


async def test_nothing_is_erased_that_was_not_written_down(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one = await customer(desk, vault)
    with pytest.raises(asyncpg.RaiseError, match="write it down"):
        await desk.fetch("SELECT erase_party(1, $1, '{}')", one)
    assert await fetch(database, "SELECT count(*) FROM party") == [1]


async def test_a_new_key_finds_at_once_and_seals_at_night(postgres: Postgres, database: str) -> None:
    plain, first, second = Vault(), Vault([KEY]), Vault([OTHER_KEY, KEY])
    async with reader(database, writes=True) as desk:
        one = await customer(desk, plain, ("phone", NUMBER), name="Rumpelstilzchen")
        await party_changes.note(desk, plain, ME, one, "Spins gold.")
        assert "Rumpelstilzchen" in dump(postgres, database)
        for before, now in ((plain, first), (first, second)):
            assert await parties.find(desk, now, ME, "phone", NUMBER) == [one]
            await migrate(database, vault=now)
            assert "Rumpelstilzchen" not in dump(postgres, database)
            assert await parties.find(desk, now, ME, "phone", NUMBER) == [one]
            assert await parties.find(desk, now, ME, NAME, "rumpelstilzchen") == [one]
            if before.seals:
                assert await parties.find(desk, before, ME, "phone", NUMBER) == []
        values = {value.text for _, value in await parties.reveal(desk, Vault([OTHER_KEY]), ME, [one])}
    assert values == {NUMBER, "Rumpelstilzchen", "Spins gold."}


async def test_a_new_key_seals_callers_at_night_and_both_versions_rows_are_found_and_erased(
    postgres: Postgres, database: str
) -> None:
    async with reader(database, writes=True) as desk:
        # As a version before wrote it: no hash. And one without a number.
        before = await contact_of(database, None, 1)
        nameless = await contact_of(database, None, 2)
        await fetch(database, "UPDATE contact_private SET name = NULL WHERE contact = $1", nameless)
        nobody = await contact_of(database, None, 3)
        await fetch(database, "UPDATE contact_private SET ani = NULL WHERE contact = $1", nobody)
        for keys in ((), (KEY,), (OTHER_KEY, KEY), (OTHER_KEY,), (KEY, OTHER_KEY)):
            now = Vault(keys)
            await migrate(database, vault=now, found_by=found_by(DE))
            assert set(await audit.find(desk, ME, "x", *searched(now, DE, [NUMBER]))) == {nameless, before}
            shown = await audit.reveal(desk, now, ME, "x", [before, nameless, nobody])
            assert shown[before] == Person("030887766551", "Eve")
            assert shown[nameless] == Person("030887766551", None)
            assert shown[nobody] == Person(None, "Eve")
            dumped = dump(postgres, database)
            assert ("887766551" in dumped) == ("'Eve'" in dumped) == (not keys)
        assert await migrate(database, vault=Vault([KEY]), found_by=found_by(DE)) == []
        one = await customer(desk, Vault([KEY]), ("phone", NUMBER))
        done = await erase(desk, Vault([KEY]), DE, ME, one)
        assert (done.parties, done.private) == (1, 2)
    assert await fetch(database, "SELECT contact::text FROM contact_private") == [nobody]
