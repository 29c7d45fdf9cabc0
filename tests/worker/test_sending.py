"""The outbox by real workers and receivers: nothing lost, all in order, and a dead receiver stops nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from contactd.config import Settings, load
from contactd.config.sections import EVENTS
from contactd.core import events as ev
from contactd.core.contact import Known, Outcome
from contactd.core.ids import ContactId, PartyId, PbxId, QueueId
from contactd.services.cases.casework import Casework
from contactd.services.cases.changing import Edit as CaseEdit
from contactd.services.cases.rules import Rules
from contactd.services.webhooks import telling
from contactd.store import outbox, party_changes, retention
from contactd.store.audit import Who
from contactd.store.journal import open_pool
from contactd.store.outbox import WEBHOOK, Desk
from contactd.store.reading import reader
from contactd.store.vault import Vault
from contactd.worker import Worker
from tests.config.files import sample, sample_secrets, write
from tests.engine.journal import fetch
from tests.pbx.fakes import until
from tests.services.receiver import CA, SECRET, Got, receiving, says

ME = Who(os.getuid())
CONTACT = ContactId("018bcfe5-6800-7000-8000-000000000001")
NAME = "Rumpelstilzchen"
_seq = iter(range(1, 1_000_000))


def settings_of(folder: Path, dsn: str, **hooks: Mapping[str, Any]) -> Settings:
    """The sample's, with this database and these receivers."""
    table, secrets = sample(), sample_secrets()
    url, _, rest = dsn.partition("//")
    login, _, host = rest.rpartition("@")
    name, _, password = login.partition(":")
    table["database"] = {"dsn": f"{url}//{name}@{host}"}
    secrets["database"] = {"password": password}
    table["webhooks"] = {name: {"events": ["*"], "ca_file": CA, "break_s": 1, **hook} for name, hook in hooks.items()}
    secrets["webhooks"] = {name: {"secret": SECRET} for name in hooks}
    return load(write(folder, table, secrets))


@contextlib.asynccontextmanager
async def working(settings: Settings, *, lease_s: float = 2.0) -> AsyncIterator[Worker]:
    worker = Worker(settings, kinds={}, idle_s=0.05, lease_s=lease_s, grace_s=0.0)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await task


@contextlib.asynccontextmanager
async def desk(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """As contactctl connects."""
    async with reader(dsn, writes=True) as connection:
        yield connection


async def routed(dsn: str, **told: list[str]) -> None:
    """As a worker does that has read its configuration."""
    pool = await open_pool(dsn, role="contactd_worker")
    await outbox.route(pool, WEBHOOK, told or {"crm": list(EVENTS)}, 1)
    pool.terminate()


async def customer(dsn: str, name: str = NAME) -> PartyId:
    async with desk(dsn) as connection:
        return await party_changes.add(connection, Vault(), ME, party_changes.Edit(fields={"name": (name, None)}))


async def changed(dsn: str, party: PartyId, language: str = "de") -> None:
    async with desk(dsn) as connection:
        await party_changes.change(connection, Vault(), ME, party, party_changes.Edit(language=language))


async def facts(dsn: str, *events: ev.Event) -> None:
    for event in events:
        seq = next(_seq)
        contact, agent = getattr(event, "contact", None), getattr(event, "agent", None)
        await fetch(
            dsn,
            "INSERT INTO event (floor, seq, at, kind, version, contact, agent, body)"
            " VALUES (1, $1, now(), $2, 1, $3::text::uuid, $4, $5)",
            *(seq, type(event).__name__, contact, agent, msgspec.json.encode(event).decode()),
        )
        await fetch(dsn, "UPDATE floor SET seq = $1", seq)


def call(party: PartyId | None = None) -> list[ev.Event]:
    known = Known(party=party)
    return [
        ev.ContactArrived(contact=CONTACT, pbx=PbxId("pbx1"), call="1.1", channel="c", dnis="5000"),
        ev.ContactRecognised(contact=CONTACT, known=known, step=0),
        ev.ContactQueued(contact=CONTACT, queue=QueueId("sales"), queued_at=time.time()),
        ev.ContactEnded(
            contact=CONTACT, outcome=Outcome.ABANDONED_WAITING, queue=QueueId("sales"), waited_s=1.0, lasted_s=2.0
        ),
    ]


async def until_rows(dsn: str, sql: str, wanted: list[Any]) -> None:
    async with asyncio.timeout(20):
        while await fetch(dsn, sql) != wanted:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


OPEN = "SELECT count(*) FROM outbox WHERE state = 'queued'"


async def test_contacts_customers_and_cases_are_told_in_their_order_and_without_a_word(
    database: str, tmp_path: Path
) -> None:
    async with receiving() as receiver, working(settings_of(tmp_path, database, crm={"url": receiver.url})):
        await until_rows(database, "SELECT name FROM outbox_destination WHERE events <> '{}'", ["crm"])
        party = await customer(database)
        await changed(database, party)
        await facts(database, *call(party))
        async with desk(database) as connection:
            work = Casework(connection, Vault(), Rules.of({}, {}, {"sales"}, set()), ME, "test")
            case = await work.open(CaseEdit(party=party, words={"subject": NAME}))
            await work.close(case.id)
        await until(lambda: len(receiver.got) >= 8, 20)
        await until_rows(database, OPEN, [0])
    by_subject: dict[str, list[Got]] = {}
    for got in receiver.got:
        data = got.body["data"]
        by_subject.setdefault(str(data.get("contact") or data.get("case") or data.get("customer")), []).append(got)
    assert [got.type for got in by_subject[party]] == ["customer.added", "customer.changed"]
    told = by_subject[CONTACT]
    assert [got.type for got in told] == [*("contact.arrived", "contact.recognised", "contact.queued", "contact.ended")]
    assert told[-1].body["data"]["customer"] == party and told[-1].body["data"]["outcome"] == "abandoned_waiting"
    opened, closed = (got.body for got in by_subject[case.id])
    assert (opened["type"], opened["data"]["phase"], closed["data"]["phase"]) == ("case.opened", "open", "closed")
    assert {"what": "status", "was": "new", "now": "closed"} in closed["data"]["changes"]
    assert len({got.id for got in receiver.got}) == 8
    assert NAME not in json.dumps([got.body for got in receiver.got])


async def test_what_was_rolled_back_is_told_to_nobody_and_what_was_not_asked_for_neither(database: str) -> None:
    await routed(database, crm=["customer.added"])
    async with desk(database) as connection:
        with contextlib.suppress(ZeroDivisionError):
            async with connection.transaction():
                await party_changes.add(connection, Vault(), ME, party_changes.Edit())
                raise ZeroDivisionError
    party = await customer(database)
    await changed(database, party)
    assert await fetch(database, "SELECT event || ' ' || subject FROM outbox") == [f"customer.added customer:{party}"]


async def test_before_somebody_is_told_nothing_is_kept_and_what_was_before_is_not_told(database: str) -> None:
    await facts(database, *call())
    await customer(database)
    pool = await open_pool(database, role="contactd_worker")
    await outbox.route(pool, WEBHOOK, {"crm": ["contact.ended"]}, 1)
    assert await outbox.follow(pool, 1, telling) == 0
    await facts(database, *call())
    assert await outbox.follow(pool, 1, telling, most=3) == 3
    assert await fetch(database, "SELECT count(*) FROM outbox") == [0]
    assert await outbox.follow(pool, 1, telling) == 1
    assert await outbox.follow(pool, 1, telling) == 0
    assert await fetch(database, "SELECT event FROM outbox") == ["contact.ended"]
    # A hook that is taken out is told nothing more; its row goes with its last message.
    await outbox.route(pool, WEBHOOK, {}, 1)
    await customer(database)
    assert await outbox.aged(pool, WEBHOOK, None, 3600.0) == 0
    await fetch(database, "UPDATE outbox SET since = now() - interval '2 hours'")
    assert await outbox.aged(pool, WEBHOOK, None, 3600.0) == 1
    await outbox.tidy(pool, WEBHOOK)
    assert await fetch(database, "SELECT name FROM outbox_destination") == ["crm"]
    await fetch(database, "DELETE FROM outbox")
    await outbox.tidy(pool, WEBHOOK)
    assert await fetch(database, "SELECT name FROM outbox_destination") == []
    pool.terminate()


async def test_two_followers_at_once_tell_each_fact_once(database: str) -> None:
    await routed(database)
    pool = await open_pool(database, role="contactd_worker", size=4)
    await facts(database, *call(), *call(), *call())
    read = await asyncio.gather(*(outbox.follow(pool, 1, telling, most=5) for _ in range(4)))
    assert sorted(read) == [0, 2, 5, 5]
    counts = "SELECT count(*) FROM outbox WHERE event = 'contact.ended'"
    assert await fetch(database, counts) == [3]
    pool.terminate()


async def test_a_worker_killed_between_sending_and_marking_sends_again_under_the_same_id(
    database: str, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: None
        async with working(settings_of(tmp_path, database, crm={"url": receiver.url})) as worker:
            await until_rows(database, "SELECT name FROM outbox_destination WHERE events <> '{}'", ["crm"])
            party = await customer(database)
            await until(lambda: receiver.got, 20)
            sender = worker.sender
            assert sender is not None
            os.kill(sender, signal.SIGKILL)
            receiver.reply = lambda _: says("200 OK")
            await until(lambda: len(receiver.got) == 2, 20)
            await until_rows(database, OPEN, [0])
    first, second = receiver.got
    assert first.id == second.id and first.body == second.body and first.body["data"]["customer"] == party


async def test_of_two_workers_one_sends_and_the_other_takes_over(database: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = settings_of(tmp_path, database, crm={"url": receiver.url})
        parties = []
        async with working(settings) as first:
            await until_rows(database, "SELECT name FROM outbox_destination WHERE worker <> ''", ["crm"])
            async with working(settings) as second:
                await until(lambda: second.sender, 20)
                for _ in range(10):
                    parties.append(await customer(database))
                await until_rows(database, OPEN, [0])
                assert await fetch(database, "SELECT worker FROM outbox_destination") == [first.name]
                first.stop()
                await until_rows(database, f"SELECT worker = '{second.name}' FROM outbox_destination", [True])
                parties.append(await customer(database))
                await until_rows(database, OPEN, [0])
    assert sorted(got.body["data"]["customer"] for got in receiver.got) == sorted(parties)


async def test_a_receiver_that_is_away_holds_up_itself_alone_and_gets_all_when_it_is_back(
    database: str, tmp_path: Path
) -> None:
    async with receiving() as well, receiving() as away:
        away.reply = lambda _: says("500 Oops")
        settings = settings_of(tmp_path, database, well={"url": well.url}, away={"url": away.url, "break_after": 2})
        async with working(settings):
            await until_rows(database, "SELECT count(*) FROM outbox_destination WHERE events <> '{}'", [2])
            parties = [await customer(database) for _ in range(6)]
            await until(lambda: len(well.got) == 6, 20)
            await until(lambda: len(away.got) >= 2, 20)
            told = len(away.got)
            away.reply = lambda _: says("200 OK")
            await until_rows(database, OPEN, [0])
            assert {got.body["data"]["customer"] for got in away.got[told:]} == set(parties)
            assert (await fetch(database, "SELECT failed FROM outbox_destination WHERE name = 'away'"))[0] >= 2


async def test_a_message_that_is_refused_holds_up_its_subject_alone(database: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        refused: set[str] = set()
        receiver.reply = lambda got: says("400 No" if got.body["data"]["customer"] in refused else "200 OK")
        await routed(database)
        poison, fine = await customer(database), await customer(database)
        refused.add(poison)
        await changed(database, poison)
        await changed(database, fine)
        async with working(settings_of(tmp_path, database, crm={"url": receiver.url, "break_after": 50})):
            await until_rows(database, OPEN, [2])
            assert [got.type for got in receiver.got if got.body["data"]["customer"] == fine] == [
                *("customer.added", "customer.changed")
            ]
            assert {got.type for got in receiver.got if got.body["data"]["customer"] == poison} == {"customer.added"}


async def test_who_is_gone_is_asked_no_more_until_somebody_says_so(database: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: says("410 Gone")
        async with working(settings_of(tmp_path, database, crm={"url": receiver.url})):
            await until_rows(database, "SELECT name FROM outbox_destination WHERE events <> '{}'", ["crm"])
            await customer(database)
            await until_rows(database, "SELECT gone_at IS NOT NULL FROM outbox_destination", [True])
            await customer(database)
            receiver.reply = lambda _: says("200 OK")
            asked = len(receiver.got)
            before = (await fetch(database, "SELECT leased_until FROM outbox_destination"))[0]
            await until_rows(database, f"SELECT leased_until > '{before}' FROM outbox_destination", [True])
            assert len(receiver.got) == asked == 1
            async with desk(database) as connection:
                await outbox.retry(connection, WEBHOOK, "crm", None)
            await fetch(database, "UPDATE outbox SET due = now()")
            await until_rows(database, OPEN, [0])


async def test_what_is_too_old_is_dead_and_can_be_tried_again_or_dropped(database: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: says("500 Oops")
        await routed(database)
        await customer(database)
        await customer(database)
        await fetch(database, "UPDATE outbox SET since = now() - interval '2 minutes'")
        async with working(settings_of(tmp_path, database, crm={"url": receiver.url, "max_age_s": 60})):
            await until_rows(database, "SELECT count(*) FROM outbox WHERE state = 'dead'", [2])
            receiver.reply = lambda _: says("200 OK")
            async with desk(database) as connection:
                one, other = await outbox.listed(connection, WEBHOOK, "crm", "dead", 9)
                assert await outbox.drop(connection, WEBHOOK, "crm", one.message, queued=False) == 1
                assert await outbox.retry(connection, WEBHOOK, "crm", None) == 1
            await until_rows(database, f"SELECT state FROM outbox WHERE message = '{other.message}'", ["sent"])


async def test_who_lost_the_lease_marks_nothing(database: str) -> None:
    await routed(database)
    await customer(database)
    pool = await open_pool(database, role="contactd_worker", size=4)
    old, new = (Desk(pool, WEBHOOK, "crm", name, 0.05) for name in ("old", "new"))
    assert await old.take()
    (message,) = await old.heads(9, ())
    await until_rows(database, "SELECT leased_until < now() FROM outbox_destination", [True])
    assert await new.take()
    assert await old.beat() is None
    assert not await old.sent(message)
    assert await old.failed(message, "x", 1.0, 60.0, quiet_s=None, gone=False) is None
    assert await new.sent(message)
    assert not await new.sent(message)
    pool.terminate()


async def test_erasing_a_person_takes_their_messages_along_and_tells_that_they_were_erased(database: str) -> None:
    await routed(database)
    party, other = await customer(database), await customer(database)
    pool = await open_pool(database, role="contactd_worker")
    await facts(database, *call(party))
    await outbox.follow(pool, 1, telling)
    await fetch(database, "UPDATE outbox SET state = 'sent' WHERE event = 'contact.ended'")
    async with desk(database) as connection:
        await party_changes.erase(connection, ME, party, [], [])
    told = await fetch(database, "SELECT event || ' ' || subject FROM outbox ORDER BY id")
    assert set(told) == {
        f"customer.added customer:{other}",
        f"customer.erased customer:{party}",
        # Nobody's yet when it was told.
        f"contact.arrived contact:{CONTACT}",
    }
    pool.terminate()


async def test_what_was_sent_is_forgotten_in_time_and_what_is_dead_is_not(database: str) -> None:
    await routed(database)
    for _ in range(4):
        await customer(database)
    await fetch(database, "UPDATE outbox SET state = 'sent', ended_at = now() - interval '31 days' WHERE id = 1")
    await fetch(database, "UPDATE outbox SET state = 'sent', ended_at = now() - interval '29 days' WHERE id = 2")
    await fetch(database, "UPDATE outbox SET state = 'dead', ended_at = now() - interval '31 days' WHERE id = 3")
    owner = await asyncpg.connect(database)
    await retention.set_days(owner, {"outbox": 30})
    await owner.close()
    async with desk(database) as connection:
        assert (await retention.due(connection, "outbox", 30)).removed == 1
    async with reader(database, writes=True, role="contactd_worker") as connection:
        assert (await retention.forget(connection))["outbox"].removed == 1
    assert await fetch(database, "SELECT id FROM outbox ORDER BY id") == [2, 3, 4]


async def test_a_reload_adds_a_receiver_and_takes_one_out(database: str, tmp_path: Path) -> None:
    async with (
        receiving() as one,
        receiving() as other,
        working(settings_of(tmp_path, database, one={"url": one.url})) as worker,
    ):
        await until_rows(database, "SELECT name FROM outbox_destination WHERE events <> '{}'", ["one"])
        settings_of(tmp_path, database, other={"url": other.url})
        os.kill(os.getpid(), signal.SIGHUP)
        await until_rows(database, "SELECT name FROM outbox_destination WHERE events <> '{}'", ["other"])
        await customer(database)
        await until(lambda: other.got, 20)
        assert one.got == [] and worker.sender is not None
        table = settings_of(tmp_path, database)
        assert not table.webhooks
        os.kill(os.getpid(), signal.SIGHUP)
        await until_rows(database, "SELECT count(*) FROM outbox_destination WHERE events <> '{}'", [0])


async def test_an_import_is_told_as_one(database: str) -> None:
    await routed(database)
    await fetch(database, "INSERT INTO party_import (sha256, options, who, made) VALUES ('x', 'y', 'me', 7)")
    await fetch(database, "UPDATE party_import SET position = 3")
    await fetch(database, "UPDATE party_import SET ended_at = now()")
    (data,) = await fetch(database, "SELECT data FROM outbox WHERE event = 'customers.imported'")
    assert json.loads(data) == {"import": 1, "made": 7, "completed": 0, "updated": 0, "skipped": 0, "refused": 0}


@pytest.mark.parametrize("statement", ["UPDATE projection SET seq = 0", "SELECT * FROM party_identity"])
async def test_the_workers_role_may_no_more_than_it_needs(database: str, statement: str) -> None:
    async with reader(database, writes=True, role="contactd_worker") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
