"""History and explain, on a real PostgreSQL: rows follow from the journal, once, however it is cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import msgspec
import pytest

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.events import ContactArrived, ContactOffered
from contactd.core.ids import AgentId, ContactId, QueueId, contact_id
from contactd.core.plan import Capacity, Medium, MediumLoad
from contactd.store import reading
from contactd.store.history import History, follow
from contactd.store.journal import StoreAway, open_pool
from contactd.store.migrate import migrate
from tests.lab.postgres import Postgres
from tests.store.walk import PBX, QUEUES, START, Walk, doing, keep, plan

SALES = QUEUES[0]
A0, A1 = AgentId("a0"), AgentId("a1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("history"), settings={"fsync": "off"}) as postgres:
        yield postgres


@pytest.fixture
async def dsn(server: Postgres, request: pytest.FixtureRequest) -> str:
    made = server.create_database(f"t{abs(hash(request.node.nodeid))}")
    await migrate(made)
    return made


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """The daemon's own: as contactd_daemon, so the grants are tried too."""
    made = await open_pool(dsn)
    yield made
    made.terminate()


@pytest.fixture
def walk() -> Walk:
    made = Walk()
    made.open()
    return made


def offer_of(walk: Walk) -> str:
    """The latest offer's id."""
    return next(event.offer for _, _, event in reversed(walk.rows) if isinstance(event, ContactOffered))


async def contact_row(pool: asyncpg.Pool, contact: str) -> dict[str, Any]:
    row = await pool.fetchrow(
        "SELECT *, extract(epoch FROM arrived_at)::float8 - $2 AS arrived,"
        " extract(epoch FROM queued_at)::float8 - $2 AS queued,"
        " extract(epoch FROM connected_at)::float8 - $2 AS connected,"
        " extract(epoch FROM ended_at)::float8 - $2 AS ended FROM contact WHERE id = $1",
        contact,
        START,
    )
    assert row is not None
    return dict(row)


async def spans(pool: asyncpg.Pool, agent: str) -> list[tuple[Any, ...]]:
    """Since and until in seconds from the start of the walk, then what the agent was."""
    rows = await pool.fetch(
        "SELECT extract(epoch FROM since)::float8 - $2, extract(epoch FROM until)::float8 - $2,"
        " status, state, reason, contact::text FROM agent_span WHERE agent = $1 ORDER BY seq",
        agent,
        START,
    )
    return [tuple(row) for row in rows]


async def tables(pool: asyncpg.Pool) -> tuple[list[Any], list[Any]]:
    contacts = await pool.fetch("SELECT * FROM contact ORDER BY id")
    agents = await pool.fetch("SELECT * FROM agent_span ORDER BY agent, seq")
    return [tuple(row) for row in contacts], [tuple(row) for row in agents]


async def catch_up(pool: asyncpg.Pool, most: int = 1000) -> int:
    total = 0
    while read := await follow(pool, 1, most=most):
        total += read
    return total


async def test_the_spans_of_an_agent_with_several_contacts_tell_the_foremost(pool: asyncpg.Pool) -> None:
    walk = Walk()
    plain = plan(1, wrap_up_s=30)
    media = {Medium.VOICE: MediumLoad(interrupts=(Medium.MAIL,)), Medium.MAIL: MediumLoad(weight=60)}
    agents = tuple(msgspec.structs.replace(agent, capacity=Capacity(media=media)) for agent in plain.agents)
    walk.put(inp.ConfigurationLoaded(plan=msgspec.structs.replace(plain, agents=agents)))
    walk.put(
        inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=walk.now - 900, calls=(), handsets={"1000": Handset.FREE})
    )
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=1)
    mail = contact_id(PBX, "mail", START)
    walk.put(inp.ContactReceived(contact=mail, medium=Medium.MAIL, queue=SALES, received_at=walk.now))
    walk.put(inp.OfferAnswered(contact=mail, offer=offer_of(walk)), after_s=2)  # type: ignore[arg-type]
    call = walk.arrive(SALES, after_s=7)
    offer = walk.floor.contacts[call.contact].offer
    assert offer is not None
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer), after_s=5)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=45)
    walk.put(inp.TimePassed(), after_s=30)
    await keep(pool, walk.rows)
    await catch_up(pool)
    work = [(since, until, state, contact) for since, until, _, state, _, contact in await spans(pool, "a0")]
    assert work == [
        (1, 3, "offered", mail),
        (3, 10, "busy", mail),
        (10, 15, "busy", mail),
        (15, 60, "busy", call.contact),
        (60, 90, "wrap_up", call.contact),
        (90, None, "busy", mail),
    ]
    row = await contact_row(pool, mail)
    assert (row["medium"], row["agent"], row["waited_s"]) == ("mail", "a0", 2)


# --- contacts ---


async def test_a_handled_contact_becomes_one_row_with_its_figures(pool: asyncpg.Pool, walk: Walk) -> None:
    call = walk.arrive(SALES, after_s=10)
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=5)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer_of(walk)), after_s=3)  # type: ignore[arg-type]
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=60)
    await keep(pool, walk.rows)
    await catch_up(pool)
    row = await contact_row(pool, call.contact)
    assert (row["arrived"], row["queued"], row["connected"], row["ended"]) == (10, 10, 18, 78)
    assert (row["waited_s"], row["talk_s"], row["offers"]) == (8, 60, 1)
    assert (row["queue"], row["agent"], row["outcome"], row["seen_late"]) == ("sales", "a0", "handled", False)
    assert (row["pbx"], row["call"], row["dnis"], row["medium"], row["floor"]) == (
        PBX,
        call.call,
        "5000",
        "voice",
        1,
    )


async def test_an_abandoned_contact_waited_until_its_end_and_has_no_agent(pool: asyncpg.Pool, walk: Walk) -> None:
    call = walk.arrive(SALES)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=33)
    in_menu = walk.arrive()
    walk.put(inp.CallerHungUp(contact=in_menu.contact, cause=16), after_s=4)
    await keep(pool, walk.rows)
    await catch_up(pool)
    row = await contact_row(pool, call.contact)
    assert (row["outcome"], row["waited_s"], row["agent"], row["offers"]) == (
        "abandoned_waiting",
        33,
        None,
        0,
    )
    row = await contact_row(pool, in_menu.contact)
    assert (row["outcome"], row["waited_s"], row["queue"]) == ("abandoned_in_menu", None, None)


async def test_a_transferred_contact_keeps_its_first_wait_and_adds_up_its_talks(pool: asyncpg.Pool, walk: Walk) -> None:
    call = walk.arrive(SALES)
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=7)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer_of(walk)))  # type: ignore[arg-type]
    walk.now += 20
    walk.hold(call, QUEUES[1])
    walk.put(inp.SignInAsked(agent=A1, pin_right=True), after_s=5)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer_of(walk)))  # type: ignore[arg-type]
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=40)
    await keep(pool, walk.rows)
    await catch_up(pool)
    row = await contact_row(pool, call.contact)
    assert (row["waited_s"], row["talk_s"], row["offers"], row["connected"]) == (7, 60, 2, 7)
    assert (row["queue"], row["agent"], row["outcome"]) == ("service", "a1", "handled")


async def test_a_call_that_comes_back_for_a_moment_after_its_end_stays_handled(pool: asyncpg.Pool, walk: Walk) -> None:
    call = walk.arrive(SALES)
    walk.put(inp.SignInAsked(agent=A0, pin_right=True))
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer_of(walk)))  # type: ignore[arg-type]
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=9)
    walk.hold(call, SALES)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=1)
    await keep(pool, walk.rows)
    await catch_up(pool)
    row = await contact_row(pool, call.contact)
    assert (row["outcome"], row["talk_s"], row["arrived"]) == ("handled", 9, 0)


async def test_a_contact_that_the_journal_never_announced_gets_a_row_that_says_so(
    pool: asyncpg.Pool, walk: Walk
) -> None:
    call = walk.arrive(SALES)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=3)
    await keep(pool, [row for row in walk.rows if not isinstance(row[2], ContactArrived)])
    await catch_up(pool)
    assert (await contact_row(pool, call.contact))["seen_late"]


async def test_a_nul_in_what_a_caller_dialled_stops_nothing(pool: asyncpg.Pool, walk: Walk) -> None:
    seq, at, arrived = next(row for row in walk.rows + _one_call(walk) if isinstance(row[2], ContactArrived))
    odd = ContactArrived(contact=arrived.contact, pbx=PBX, call="x\0y", channel="c", dnis="50\x0000")
    await keep(pool, [(seq, at, odd)])
    await catch_up(pool)
    assert (await contact_row(pool, arrived.contact))["dnis"] == "5000"


def _one_call(walk: Walk) -> list[Any]:
    walk.arrive()
    return walk.rows


# --- spans ---


async def test_an_agents_day_becomes_spans_without_gaps(pool: asyncpg.Pool, walk: Walk) -> None:
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=1)
    call = walk.arrive(SALES, after_s=9)
    walk.put(inp.OfferAnswered(contact=call.contact, offer=offer_of(walk)), after_s=4)  # type: ignore[arg-type]
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=50)
    walk.put(inp.TimePassed(), after_s=30)
    walk.put(inp.NotReadyAsked(agent=A0, reason="break"), after_s=6)
    walk.put(inp.SignOutAsked(agent=A0), after_s=300)
    await keep(pool, walk.rows)
    await catch_up(pool)
    contact = call.contact
    assert await spans(pool, "a0") == [
        (1, 10, "ready", "idle", "", None),
        (10, 14, "ready", "offered", "", contact),
        (14, 64, "ready", "busy", "", contact),
        (64, 94, "ready", "wrap_up", "", contact),
        (94, 100, "ready", "idle", "", None),
        (100, 400, "not_ready", "idle", "break", None),
        (400, None, "signed_out", "idle", "", None),
    ]


async def test_a_span_of_no_length_is_no_row(pool: asyncpg.Pool, walk: Walk) -> None:
    walk.arrive(SALES)
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=5)
    await keep(pool, walk.rows)
    await catch_up(pool, most=1)
    # Signed in and offered in the same instant.
    assert [(row[0], row[1], row[3]) for row in await spans(pool, "a0")] == [(5, None, "offered")]


async def test_an_agent_who_leaves_the_configuration_has_no_open_span(pool: asyncpg.Pool, walk: Walk) -> None:
    walk.put(inp.SignInAsked(agent=A0, pin_right=True), after_s=5)
    walk.put(inp.SignInAsked(agent=AgentId("a3"), pin_right=True), after_s=5)
    other = Walk()
    other.open(agents=2)
    configured = next(event for _, _, event in other.rows)
    walk.rows.append((walk.floor.seq + 1, walk.now + 10, configured))
    await keep(pool, walk.rows)
    await catch_up(pool, most=1)
    assert [row[1] for row in await spans(pool, "a3")] == [20]
    assert [row[1] for row in await spans(pool, "a0")] == [None]


# --- exactly once ---


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_rows_do_not_depend_on_how_the_journal_is_cut(
    server: Postgres, seed: int, request: pytest.FixtureRequest
) -> None:
    walk = Walk()
    walk.open()
    walk.wander(seed, 300)
    made = []
    for most in (1000, 7, 1):
        dsn = server.create_database(f"cut{seed}x{most}x{abs(hash(request.node.nodeid)) % 10**6}")
        await migrate(dsn)
        pool = await open_pool(dsn)
        await keep(pool, walk.rows)
        assert await catch_up(pool, most) == len(walk.rows)
        assert await catch_up(pool, most) == 0
        made.append(await tables(pool))
        pool.terminate()
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("seed", range(10, 16))
async def test_after_any_walk_the_rows_agree_with_the_floor(pool: asyncpg.Pool, seed: int) -> None:
    walk = Walk()
    walk.open()
    walk.wander(seed, 800)
    await keep(pool, walk.rows)
    await catch_up(pool, most=100)
    # Agents who never did anything have no span.
    now = await pool.fetch("SELECT agent, status, state, reason FROM agent_span WHERE until IS NULL")
    floor = doing(walk.floor)
    assert {row["agent"]: (row["status"], row["state"], row["reason"]) for row in now}.items() <= floor.items()
    assert {a for a, is_ in floor.items() if is_[1] != "idle"} <= {row["agent"] for row in now}
    live = await pool.fetch("SELECT id::text FROM contact WHERE ended_at IS NULL")
    assert {row["id"] for row in live} <= set(walk.floor.contacts)
    gaps = await pool.fetchval(
        "SELECT count(*) FROM (SELECT since, lag(until) OVER (PARTITION BY agent ORDER BY seq) AS before"
        " FROM agent_span) AS s WHERE before > since"
    )
    backwards = await pool.fetchval("SELECT count(*) FROM agent_span WHERE until < since")
    negative = await pool.fetchval(
        "SELECT count(*) FROM contact WHERE waited_s < 0 OR talk_s < 0 OR ended_at < arrived_at"
    )
    assert (gaps, backwards, negative) == (0, 0, 0)


async def test_two_followers_at_once_count_nothing_twice(pool: asyncpg.Pool, walk: Walk) -> None:
    walk.wander(5, 400)
    await keep(pool, walk.rows)
    read = await asyncio.gather(*(catch_up(pool, 50) for _ in range(3)))
    assert sum(read) == len(walk.rows)
    offers = await pool.fetchval("SELECT sum(offers) FROM contact")
    assert offers == sum(isinstance(event, ContactOffered) for _, _, event in walk.rows)


async def test_an_event_of_a_newer_version_is_passed_over(pool: asyncpg.Pool, walk: Walk) -> None:
    call = walk.arrive(SALES)
    await keep(pool, walk.rows)
    await pool.execute(
        "INSERT INTO event (floor, seq, at, kind, version, body) VALUES (1, 999, now(), 'Unheard', 9, $1)",
        '{"kind":"Unheard","what":1}',
    )
    assert await catch_up(pool) == len(walk.rows) + 1
    assert (await contact_row(pool, call.contact))["queue"] == "sales"
    assert await pool.fetchval("SELECT seq FROM projection WHERE name = 'history'") == 999


async def test_the_follower_wakes_and_survives_a_broken_connection(pool: asyncpg.Pool, dsn: str, walk: Walk) -> None:
    wake = asyncio.Event()
    task = asyncio.create_task(History(pool, 1, pause_s=0.01).run(wake))
    call = walk.arrive(SALES)
    await keep(pool, walk.rows)
    wake.set()
    await _until(lambda: pool.fetchval("SELECT count(*) FROM contact WHERE ended_at IS NULL"), 1)
    owner = await asyncpg.connect(dsn)
    await owner.execute("ALTER TABLE contact RENAME TO gone")
    done = len(walk.rows)
    walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=3)
    await keep(owner, walk.rows[done:])
    wake.set()
    await asyncio.sleep(0.05)
    await owner.execute("ALTER TABLE gone RENAME TO contact")
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'contactd'"
        " AND datname = current_database()"
    )
    await _until(lambda: owner.fetchval("SELECT count(*) FROM contact WHERE ended_at IS NOT NULL"), 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await owner.close()


async def _until(look: Any, wanted: Any) -> None:
    async with asyncio.timeout(20):
        while await look() != wanted:  # noqa: ASYNC110 - another process's state has no event to wait for
            await asyncio.sleep(0.01)


# --- stories ---


async def test_a_contact_is_found_by_its_id_a_beginning_or_its_call(pool: asyncpg.Pool, dsn: str, walk: Walk) -> None:
    first = walk.arrive(SALES)
    second = walk.arrive(QueueId("service"), after_s=3600)
    await keep(pool, walk.rows)
    # History has not run: the journal alone answers.
    async with reading.reader(dsn) as connection:

        async def find(text: str) -> list[ContactId]:
            return await reading.find_contacts(connection, text, [PBX])

        assert await find(first.contact) == [first.contact]
        assert await find(first.contact.upper()) == [first.contact]
        assert await find(second.contact[:13]) == [second.contact]
        assert set(await find(first.contact[:4])) == {first.contact, second.contact}
        assert await find(first.call) == [first.contact]
        assert await find("pbx1-1.1") == []
        assert await find("ffff") == []
        assert await find("no such thing") == []
        found = await reading.story(connection, second.contact)
        assert found is not None
        assert [fact.kind for fact in found.told] == ["ContactArrived", "ContactQueued"]
        assert found.row.queue == "service"
        assert await reading.story(connection, ContactId("00000000-0000-7000-8000-000000000000")) is None


async def test_a_story_gives_the_same_figures_as_history(pool: asyncpg.Pool, dsn: str, walk: Walk) -> None:
    walk.wander(9, 500)
    await keep(pool, walk.rows)
    await catch_up(pool)
    async with reading.reader(dsn) as connection:
        latest = await reading.latest_contacts(connection, 100)
        assert len(latest) > 20
        for row in latest:
            told = await reading.story(connection, row.id)
            assert told is not None
            assert told.row == row


async def test_a_reader_can_change_nothing(dsn: str) -> None:
    async with reading.reader(dsn) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("UPDATE projection SET seq = 1")


async def test_a_database_that_is_away_is_told_with_a_remedy() -> None:
    with pytest.raises(StoreAway, match="running"):
        async with reading.reader("postgresql://nobody@127.0.0.1:1/none"):
            pass
