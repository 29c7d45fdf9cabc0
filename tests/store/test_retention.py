"""What is too old goes, in batches, kind by kind; what is held stays, whoever erases and however old it is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest

from contactd.config.retention import DEFAULT_DAYS
from contactd.core.ids import ContactId, PartyId
from contactd.services.crm.callers import found_by
from contactd.services.crm.identity import Numbering
from contactd.services.crm.whole import erase
from contactd.store import audit, holds, party_changes, retention
from contactd.store.audit import Who
from contactd.store.migrate import migrate
from contactd.store.party_changes import Edit
from contactd.store.reading import reader
from contactd.store.retention import Gone
from contactd.store.trouble import Held
from contactd.store.vault import NotOpened, Vault
from tests.engine.journal import fetch
from tests.store.test_parties import KEY, MAIL, ME, NUMBER, SECOND, contact_of, customer, directory

DE = Numbering("DE")
OTHER_KEY = bytes(range(9, 41))


@pytest.fixture
def vault() -> Vault:
    return Vault([KEY])


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    """As contactctl connects."""
    async with reader(database, writes=True) as connection:
        yield connection


@pytest.fixture
async def worker(database: str) -> AsyncIterator[asyncpg.Connection]:
    """As a worker connects."""
    async with reader(database, writes=True, role="contactd_worker") as connection:
        yield connection


async def set_days(database: str, **days: int) -> None:
    """As contactd migrate does; the rest is kept for ever."""
    owner = await asyncpg.connect(database)
    try:
        await retention.set_days(owner, {**dict.fromkeys(DEFAULT_DAYS, 0), **days})
    finally:
        await owner.close()


async def rule(desk: asyncpg.Connection, kind: str) -> retention.Rule:
    (found,) = [one for one in await retention.rules(desk) if one.kind == kind]
    return found


async def kept(database: str) -> set[str]:
    return set(await fetch(database, "SELECT contact::text FROM contact_private"))


async def test_numbers_and_names_go_by_their_age_in_batches_and_the_counts_are_right(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection
) -> None:
    old = {await contact_of(database, None, n, days_ago=91 + n) for n in range(7)}
    young = {await contact_of(database, None, n, days_ago=80 + n) for n in range(3)}
    await set_days(database, callers=90)
    assert await retention.due(desk, "callers", 90, most=2) == Gone(7, 0)
    assert await retention.due(desk, "callers", 200) == Gone(0, 0)
    assert await kept(database) == old | young
    told: list[Mapping[str, Any]] = []
    done = await retention.forget(worker, told.append, most=2)
    assert done["callers"] == Gone(7, 0)
    assert [one["removed"] for one in told if one["kind"] == "callers"] == [2, 4, 6]
    assert await kept(database) == young
    found = await rule(desk, "callers")
    assert (found.keep_days, found.removed, found.last_removed, found.held) == (90, 7, 7, 0)
    assert found.oldest is not None and abs(time.time() - found.oldest - 82 * 86400) < 60
    assert found.ran_at is not None and abs(found.ran_at - time.time()) < 60
    assert "callers: 7 rows, 0 held" in await fetch(database, "SELECT outcome FROM audit WHERE act = 'forget'")
    assert (await retention.forget(worker))["callers"] == Gone()
    found = await rule(desk, "callers")
    assert (found.removed, found.last_removed) == (7, 0)


async def test_an_attempt_goes_on_where_the_one_before_broke_off(database: str, worker: asyncpg.Connection) -> None:
    for n in range(5):
        await contact_of(database, None, n, days_ago=91 + n)
    await set_days(database, callers=90)

    class Broken(Exception):
        pass

    told: list[Mapping[str, Any]] = []

    def breaks(place: Mapping[str, Any]) -> None:
        told.append(place)
        raise Broken

    with pytest.raises(Broken):
        await retention.forget(worker, breaks, most=2)
    assert len(await kept(database)) == 3
    done = await retention.forget(worker, since=told[0], most=2)
    assert done["callers"] == Gone(5, 0)
    assert await kept(database) == set()


async def test_what_is_kept_for_ever_is_not_looked_at(database: str, worker: asyncpg.Connection) -> None:
    await contact_of(database, None, 1, days_ago=5000)
    await set_days(database)
    assert set((await retention.forget(worker)).values()) == {Gone()}
    assert len(await kept(database)) == 1


async def test_notes_and_replaced_consents_and_closed_cases_words_go(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, vault: Vault
) -> None:
    one = await customer(desk, vault)
    for text in ("old", "young"):
        await party_changes.note(desk, vault, ME, one, text)
        await party_changes.consent(desk, ME, one, "recording", text, given=True)
    await party_changes.consent(desk, ME, one, "marketing", "old", given=False)
    first = "(SELECT id FROM party_note ORDER BY id LIMIT 1)"
    await fetch(database, f"UPDATE party_note SET at = at - interval '40 d' WHERE id = {first}")
    await fetch(database, "UPDATE party_consent SET at = at - interval '40 d' WHERE how = 'old'")
    cases = {"open": None, "closed": 10, "old": 40}
    for n, (name, days) in enumerate(cases.items()):
        await fetch(
            database,
            "WITH made AS (INSERT INTO customer_case (id, number, type, status, phase, party, closed_at)"
            " VALUES (gen_random_uuid(), $1, 'x', 'x', $2, $3, now() - make_interval(days => $4)) RETURNING id)"
            " INSERT INTO case_word (id, case_id, field, at, who, value)"
            " SELECT gen_random_uuid(), id, 'note', now() - interval '50 d', 'anna', $5"
            " FROM made, generate_series(1, 2)",
            *(f"{n:010}", "open" if days is None else "closed", one, days, f"={name}"),
        )
    await set_days(database, notes=30, consents=30, case_words=30)
    done = await retention.forget(worker)
    assert (done["notes"], done["consents"], done["case_words"]) == (Gone(1), Gone(1), Gone(2))
    assert await fetch(database, "SELECT count(*) FROM party_note") == [1]
    left = await fetch(database, "SELECT purpose, how FROM party_consent ORDER BY id")
    assert left == [("recording", "young"), ("marketing", "old")]
    assert set(await fetch(database, "SELECT value FROM case_word")) == {"=open", "=closed"}
    assert await fetch(database, "SELECT count(*) FROM customer_case") == [3]


async def test_audit_rows_and_jobs_go_by_their_age_and_dead_jobs_stay(
    database: str, worker: asyncpg.Connection
) -> None:
    await fetch(database, "INSERT INTO audit (who, via, act) SELECT 'x', 'x', n::text FROM generate_series(1, 3) AS n")
    await fetch(database, "UPDATE audit SET at = at - interval '40 d' WHERE act <> '3'")
    await fetch(
        database,
        "INSERT INTO job (kind, key, state, ended_at) VALUES ('a', 'old', 'done', now() - interval '40 d'),"
        " ('a', 'dead', 'dead', now() - interval '40 d'), ('a', 'young', 'done', now())",
    )
    await set_days(database, audit=30, jobs=30)
    done = await retention.forget(worker, most=1)
    assert (done["audit"], done["jobs"]) == (Gone(2), Gone(1))
    assert await fetch(database, "SELECT act FROM audit WHERE who = 'x'") == ["3"]
    assert await fetch(database, "SELECT key FROM job ORDER BY key") == ["dead", "young"]


async def test_a_worker_removes_nothing_that_is_younger_than_the_owner_said(
    database: str, worker: asyncpg.Connection
) -> None:
    await contact_of(database, None, 1, days_ago=10)
    await set_days(database, callers=90)
    for forbidden in (
        "UPDATE retention SET keep_days = 1",
        "INSERT INTO retention (kind, keep_days) VALUES ('callers', 1)",
        "SELECT * FROM count_batch('callers', 1, NULL, 1)",
        "SELECT * FROM retention_batch('callers', '1 day', NULL, 1, true)",
        "SELECT * FROM held_parties()",
        "SELECT * FROM hold",
        "DELETE FROM contact_private",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.fetch(forbidden)
    await worker.fetch("SELECT * FROM forget_batch('callers', NULL, 1000000)")
    assert len(await kept(database)) == 1


async def test_where_no_worker_runs_migrate_forgets(database: str) -> None:
    await contact_of(database, None, 1, days_ago=100)
    await migrate(database)  # it ran when the database was made
    assert len(await kept(database)) == 1
    await fetch(database, "UPDATE retention SET ran_at = ran_at - interval '37 h'")
    await migrate(database)
    assert await kept(database) == set()


async def test_light_records_are_forgotten_by_their_age(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, vault: Vault
) -> None:
    async with directory(database) as asked:
        quiet, caller = [
            (await asked.arrives(vault, "phone", number, days=0, make=True))[0].party for number in (NUMBER, SECOND)
        ]
    kept = await customer(desk, vault)
    await fetch(database, "UPDATE party SET made_at = now() - interval '91 days'")
    await contact_of(database, caller, 1, days_ago=10)
    await set_days(database, light_records=92)
    await retention.forget(worker, most=1)
    assert await fetch(database, "SELECT count(*) FROM party") == [3]
    await set_days(database, light_records=90)
    await retention.forget(worker, most=1)
    assert set(await fetch(database, "SELECT id::text FROM party")) == {caller, kept}
    assert quiet not in await fetch(database, "SELECT party::text FROM party_identity")


# --- legal hold ---


async def house(database: str, desk: asyncpg.Connection, vault: Vault) -> tuple[PartyId, PartyId, list[ContactId]]:
    """A customer with one merged into them; contacts of both, one of their number that is nobody's, a stranger's."""
    one, merged = await customer(desk, vault, ("phone", NUMBER)), await customer(desk, vault, ("phone", SECOND))
    await party_changes.merge(desk, ME, merged, one)
    contacts = [
        await contact_of(database, one, 1, days_ago=100),
        await contact_of(database, merged, 2, days_ago=101),
        await contact_of(database, None, 3, days_ago=102),
        await contact_of(database, None, 4, ani="0301", days_ago=103),
    ]
    await migrate(database, days={**DEFAULT_DAYS, "callers": 0}, vault=vault, found_by=found_by(DE))
    return one, merged, contacts


async def test_what_is_held_is_not_forgotten_until_it_is_released(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, vault: Vault
) -> None:
    one, merged, (*theirs, stranger) = await house(database, desk, vault)
    await party_changes.note(desk, vault, ME, merged, "Old.")
    await fetch(database, "UPDATE party_note SET at = at - interval '100 d'")
    assert await holds.hold_party(desk, vault, ME, one, "4 O 123/26", None) == 2
    await set_days(database, callers=90, notes=90)
    assert await retention.due(desk, "callers", 90) == Gone(1, 3)
    done = await retention.forget(worker, most=2)
    assert (done["callers"], done["notes"]) == (Gone(1, 3), Gone(0, 1))
    assert await kept(database) == set(theirs) and stranger not in theirs
    assert (await rule(desk, "callers")).held == 3
    assert await holds.release(desk, ME, party=merged) == 2
    done = await retention.forget(worker)
    assert (done["callers"], done["notes"]) == (Gone(3, 0), Gone(1, 0))
    assert await kept(database) == set()


async def test_what_is_held_is_not_erased_and_not_taken_away_in_pieces(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one, merged, contacts = await house(database, desk, vault)
    await holds.hold_party(desk, vault, ME, merged, "4 O 123/26", None)
    for party in (one, merged):
        with pytest.raises(Held, match=r"is held.*nothing was removed.*release"):
            await erase(desk, vault, DE, ME, party)
    for contact in contacts[:3]:
        with pytest.raises(Held, match="is held"):
            await audit.erase(desk, ME, "a test", contact)
    with pytest.raises(Held):
        await party_changes.change(desk, vault, ME, one, Edit(fields={"name": (None, None)}))
    with pytest.raises(Held):
        await party_changes.change(desk, vault, ME, one, Edit(drop=[1]))
    await party_changes.change(desk, vault, ME, one, Edit(vip=True, identities=[("mail", MAIL)]))
    assert await kept(database) == set(contacts)
    refused = await fetch(database, "SELECT outcome FROM audit WHERE act = 'erase'")
    assert refused == ["refused: held"] * 5
    # Not even a function that knows no hold, of the version before, or the owner by mistake.
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await fetch(database, "DELETE FROM party WHERE id = $1", merged)
    assert await audit.erase(desk, ME, "a test", contacts[3])
    await holds.release(desk, ME, party=one)
    assert (await erase(desk, vault, DE, ME, one)).private == 3
    assert await fetch(database, "SELECT count(*) FROM hold") == [0]


async def test_a_contact_that_is_held_alone_keeps_its_customer_from_being_erased(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, vault: Vault
) -> None:
    one, _, (held, *others) = await house(database, desk, vault)
    await holds.hold_contact(desk, vault, ME, held, "A threat.", None)
    await set_days(database, callers=90)
    assert (await retention.forget(worker))["callers"] == Gone(3, 1)
    assert await kept(database) == {held} and others
    with pytest.raises(Held):
        await erase(desk, vault, DE, ME, one)
    assert await holds.release(desk, ME, contact=held) == 1
    await erase(desk, vault, DE, ME, one)
    assert await kept(database) == set()


async def test_an_unmerge_frees_nobody_and_who_is_merged_later_is_held(desk: asyncpg.Connection, vault: Vault) -> None:
    one, other, third = [await customer(desk, vault) for _ in range(3)]
    await party_changes.merge(desk, ME, other, one)
    await holds.hold_party(desk, vault, ME, one, "x", None)
    await party_changes.unmerge(desk, ME, other)
    assert set(await holds.held_parties(desk, [one, other, third])) == {one, other}
    await party_changes.merge(desk, ME, third, other)
    assert set(await holds.held_parties(desk, [one, other, third])) == {one, other, third}
    await party_changes.unmerge(desk, ME, third)
    assert set(await holds.held_parties(desk, [one, other, third])) == {one, other}


async def test_a_hold_ends_with_its_day_and_its_reason_is_sealed(
    database: str, desk: asyncpg.Connection, vault: Vault
) -> None:
    one = await customer(desk, vault)
    await holds.hold_party(desk, vault, Who(0), one, "Rumpelstilzchen ./. Queen", time.time() + 3600)
    (found,) = await holds.holds(desk, vault)
    assert (found.party, found.reason, found.who, found.released_at) == (one, "Rumpelstilzchen ./. Queen", "root", None)
    assert "Rumpel" not in str(await fetch(database, "SELECT hold::text FROM hold"))
    assert "Rumpel" not in str(await fetch(database, "SELECT audit::text FROM audit"))
    now = Vault([OTHER_KEY, KEY])
    await migrate(database, vault=now)
    with pytest.raises(NotOpened):
        await holds.holds(desk, vault)
    assert [one.reason for one in await holds.holds(desk, Vault([OTHER_KEY]))] == ["Rumpelstilzchen ./. Queen"]
    await fetch(database, "UPDATE hold SET until = now() - interval '1 s'")
    assert await holds.holds(desk, now) == []
    assert len(await holds.holds(desk, now, also_over=True)) == 1
    assert await holds.held_parties(desk, [one]) == []
    await erase(desk, now, DE, ME, one)
    acts = await fetch(database, "SELECT act FROM audit WHERE party = $1 ORDER BY id", one)
    assert acts[-1] == "erase" and "hold" in acts


async def test_a_light_record_that_is_held_is_light_no_longer(
    database: str, desk: asyncpg.Connection, worker: asyncpg.Connection, vault: Vault
) -> None:
    made = (
        "INSERT INTO party (id, light, made_at) SELECT gen_random_uuid(), true, now() - interval '99 d'"
        " FROM generate_series(1, 2) RETURNING id::text"
    )
    one, other = await fetch(database, made)
    await holds.hold_party(desk, vault, ME, PartyId(one), "x", None)
    await set_days(database, light_records=90)
    assert (await retention.forget(worker))["light_records"] == Gone(1, 0)
    assert await fetch(database, "SELECT id::text FROM party") == [one] and other != one
