"""contactctl explain --at: the floor as it was, from a real journal, with nobody running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, QueueId
from contactd.core.routing.explain import candidates
from contactd.ctl.at import explain_at, instant
from contactd.ctl.durations import local
from contactd.ctl.exits import Exit
from contactd.ctl.store import NotFound
from contactd.store import past
from tests.ctl.test_contactctl import contactctl, journal
from tests.lab.postgres import Postgres
from tests.store.walk import QUEUES, Walk

SALES = QueueId("sales")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("at"), settings={"fsync": "off"}) as postgres:
        yield postgres


async def run(server: Postgres, name: str, sql: str, *arguments: object) -> None:
    connection = await asyncpg.connect(server.dsn_of(name))
    await connection.execute(sql, *arguments)
    await connection.close()


async def keep_snapshots(server: Postgres, name: str, walk: Walk, every: int) -> None:
    """As a daemon leaves them, one each so many facts."""
    floor = LiveFloor()
    for seq, at, event in walk.rows:
        floor.apply(event, at)
        if seq % every == 0:
            body = msgspec.msgpack.encode(floor.state)
            await run(server, name, "INSERT INTO snapshot VALUES (1, $1, 1, now(), $2)", seq, body)


async def test_each_offer_of_a_day_is_explained_as_the_journal_counted_it(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    walk.wander(7, 500)
    options = await journal(server, tmp_path, walk, "at_each")
    await keep_snapshots(server, "at_each", walk, 97)
    offered = [event for _, _, event in walk.rows if isinstance(event, ev.ContactOffered) and event.strategy]
    assert len(offered) > 20
    for event in offered[:: len(offered) // 12]:
        told = await explain_at(Path(options[1]), event.contact, event.offer)
        assert (told["offer"], told["chosen"], told["as_in_journal"]) == (event.offer, event.agent, True)
        first = told["agents"][0]
        assert (first["agent"], first["reason"]) == (event.agent, "ready")
        assert len(told["agents"]) == sum(event.others.values()) + 1


async def test_a_time_shows_the_floor_of_then_and_not_of_now(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    call = walk.arrive(SALES)
    walk.put(inp.SignInAsked(agent=AgentId("a1"), pin_right=True), after_s=5)
    walk.put(inp.NotReadyAsked(agent=AgentId("a1"), reason="break"), after_s=20)
    between = walk.now + 10
    expected = msgspec.to_builtins(candidates(walk.floor, walk.floor.contacts[call.contact]))
    walk.put(inp.SignOutAsked(agent=AgentId("a1")), after_s=20)
    options = await journal(server, tmp_path, walk, "at_time")
    await run(server, "at_time", "UPDATE floor SET seq = $1", walk.floor.seq)
    for text in (f"{local(between):%H:%M:%S.%f}", datetime.fromtimestamp(between, UTC).isoformat()):
        ran = await contactctl(*options, "--json", "explain", call.call, "--at", text)
        assert ran.code == 0, ran.err
        told = json.loads(ran.out)
        assert {name: told[name] for name in expected} == expected
        assert told["offer"] is None and told["as_in_journal"] is None
    shown = await contactctl(*options, "explain", call.contact, "--at", f"{local(between):%H:%M:%S}")
    assert "as it was on" in shown.out and "a1" in shown.out and "after fact" in shown.out


async def test_what_is_no_moment_of_the_contact_is_told_with_what_there_is(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    walk.put(inp.SignInAsked(agent=AgentId("a0"), pin_right=True))
    walk.put(inp.SignInAsked(agent=AgentId("a1"), pin_right=True))
    call = walk.arrive(QUEUES[0])
    offered = next(event for _, _, event in walk.rows if isinstance(event, ev.ContactOffered))
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=9)
    options = await journal(server, tmp_path, walk, "at_odd")
    for moment, said in (
        ("1-999999", f"The contact had no offer 1-999999; it had: {offered.offer}."),
        ("yesterday", "neither an offer"),
        ("25:61", "neither an offer"),
        ("2020-01-01T00:00:00", "the contact was not there"),
        (datetime.fromtimestamp(walk.now + 60, UTC).isoformat(), "the contact was not there"),
    ):
        ran = await contactctl(*options, "explain", call.contact, "--at", moment)
        assert (ran.code, ran.out) == (Exit.NOT_FOUND, ""), moment
        assert said in ran.err
    assert (await contactctl(*options, "explain", "0123456789", "--at", offered.offer)).code == Exit.NOT_FOUND
    assert (await contactctl(*options, "explain", call.contact, "--at", "10:00", "--reveal")).code == Exit.USAGE


async def test_a_moment_before_what_is_kept_is_refused_and_not_worked_at_for_ever(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk()
    walk.open()
    walk.wander(3, 300)
    options = await journal(server, tmp_path, walk, "at_old")
    offers = [event for _, _, event in walk.rows if isinstance(event, ev.ContactOffered)]
    last = offers[-1]
    monkeypatch.setattr(past, "MOST_EVENTS", 50)
    with pytest.raises(past.PastLost, match="lies before what is kept"):
        await explain_at(Path(options[1]), last.contact, last.offer)
    await keep_snapshots(server, "at_old", walk, 40)
    assert (await explain_at(Path(options[1]), last.contact, last.offer))["chosen"] == last.agent


async def test_a_journal_with_a_hole_says_so(server: Postgres, tmp_path: Path) -> None:
    walk = Walk()
    walk.open()
    walk.wander(3, 200)
    options = await journal(server, tmp_path, walk, "at_hole")
    last = [event for _, _, event in walk.rows if isinstance(event, ev.ContactOffered)][-1]
    await run(server, "at_hole", "DELETE FROM event WHERE seq = 9")
    ran = await contactctl(*options, "explain", last.contact, "--at", last.offer)
    assert ran.code == Exit.NOT_FOUND
    assert "cannot be made again" in ran.err


def test_a_time_of_day_before_the_arrival_is_of_the_next_day() -> None:
    arrived = datetime(2026, 11, 22, 23, 59, 30, tzinfo=local(0).tzinfo).timestamp()
    assert instant("23:59:40", arrived) == arrived + 10
    assert instant("00:00:10", arrived) == arrived + 40
    assert instant("23:59:40.250", arrived) == pytest.approx(arrived + 10.25, abs=0.001)
    with pytest.raises(NotFound):
        instant("1-", arrived)
