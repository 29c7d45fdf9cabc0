"""First-contact resolution: by example, at its edges, and against a rule that compares every pair of contacts."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from contactd.core.kpi import first_contact_resolution
from contactd.store.reading import reader
from contactd.store.reports import Resolution, came_again, resolution
from tests.engine.journal import fetch

DAY = 86400.0
MONDAY = 1795392000.0  # 2026-11-23 00:00 UTC
LONG_AGO = MONDAY - 60 * DAY


@pytest.fixture
async def desk(database: str) -> AsyncIterator[asyncpg.Connection]:
    async with reader(database) as connection:
        yield connection


@dataclass(frozen=True)
class Made:
    """A contact. at: in days since LONG_AGO."""

    id: str
    at: float
    party: str | None = None
    queue: str | None = "sales"
    outcome: str = "handled"
    test: bool = False


def uid() -> str:
    return str(uuid.uuid4())


ANNA, BERT = uid(), uid()


async def keep(database: str, *contacts: Made) -> None:
    for one in contacts:
        await fetch(
            database,
            "INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, arrived_at, outcome, test, party)"
            " VALUES ($1, 1, 'voice', 'pbx1', 'x', '5000', $2, to_timestamp($3), $4, $5, $6)",
            *(one.id, one.queue, LONG_AGO + one.at * DAY, one.outcome, one.test, one.party),
        )


async def case(database: str, topic: str | None, *contacts: Made, **columns: object) -> str:
    made = uid()
    number = str(random.randrange(10**9, 10**10))
    await fetch(
        database,
        "INSERT INTO customer_case (id, number, type, topic, status, phase) VALUES ($1, $2, 'x', $3, 'new', 'open')",
        *(made, number, topic),
    )
    for contact in contacts:
        await fetch(database, "INSERT INTO case_contact (case_id, contact) VALUES ($1, $2)", made, contact.id)
    for column, value in columns.items():
        await fetch(database, f"UPDATE customer_case SET {column} = {value} WHERE id = $1", made)
    return made


def call(at: float, party: str | None = ANNA, **more: object) -> Made:
    return Made(uid(), at, party, **more)  # type: ignore[arg-type]


async def whole(
    desk: asyncpg.Connection, variant: str = "topic", first: float = 0, last: float = 30, days: int = 7
) -> tuple[int, int, int, int, int]:
    lines = await resolution(desk, LONG_AGO + first * DAY, LONG_AGO + last * DAY, days, variant)
    line = lines[-1]
    assert line.whole and sum(one.contacts for one in lines[:-1]) == line.contacts
    return line.contacts, line.unknown, line.early, line.counted, line.again


async def again(desk: asyncpg.Connection, variant: str = "topic") -> set[str]:
    rows = await came_again(desk, LONG_AGO, LONG_AGO + 30 * DAY, 7, variant, 1000)
    return {row["contact"] for row in rows}


def test_the_formula() -> None:
    assert first_contact_resolution(4, 1) == 0.75
    assert first_contact_resolution(0, 0) is None
    with pytest.raises(ValueError, match="2 of 1"):
        first_contact_resolution(1, 2)


async def test_who_comes_again_within_the_days_counts_against_the_first(
    database: str, desk: asyncpg.Connection
) -> None:
    first, second, other = call(1), call(3), call(2, BERT)
    await keep(database, first, second, other)
    assert await again(desk) == {first.id}
    lines = await resolution(desk, LONG_AGO, LONG_AGO + 30 * DAY, 7, "topic")
    assert lines == [Resolution("sales", False, 3, 0, 0, 3, 1), Resolution(None, True, 3, 0, 0, 3, 1)]
    assert lines[-1].fcr == pytest.approx(2 / 3)


async def test_the_days_are_counted_from_arrival_to_arrival_and_the_last_second_counts(
    database: str, desk: asyncpg.Connection
) -> None:
    just, late = [call(1), call(8)], [call(1, BERT), call(8 + 1 / DAY, BERT)]
    await keep(database, *just, *late)
    assert await again(desk) == {just[0].id}


async def test_two_at_the_same_moment_count_once(database: str, desk: asyncpg.Connection) -> None:
    both = [call(1), call(1)]
    await keep(database, *both)
    assert await again(desk) == {min(one.id for one in both)}


async def test_a_further_contact_counts_where_the_first_arrived_also_beyond_the_span(
    database: str, desk: asyncpg.Connection
) -> None:
    await keep(database, call(29.9), call(30.1), call(0 - 0.5))
    assert await whole(desk) == (1, 0, 0, 1, 1)
    assert await whole(desk, last=60) == (2, 0, 0, 2, 1)


async def test_test_calls_and_merged_calls_are_no_contacts(database: str, desk: asyncpg.Connection) -> None:
    first = call(1)
    await keep(database, first, call(2, test=True), call(3, outcome="merged"))
    assert await whole(desk) == (1, 0, 0, 1, 0)


async def test_merged_parties_are_one_customer_and_two_again_afterwards(
    database: str, desk: asyncpg.Connection
) -> None:
    chain = [uid() for _ in range(3)]
    await fetch(database, "INSERT INTO party (id) SELECT unnest($1::uuid[])", chain)
    calls = [call(1 + n, party) for n, party in enumerate(chain)]
    await keep(database, *calls)
    assert await again(desk) == set()
    await fetch(database, "UPDATE party SET merged_into = $2 WHERE id = $1", chain[0], chain[1])
    await fetch(database, "UPDATE party SET merged_into = $2 WHERE id = $1", chain[1], chain[2])
    assert await again(desk) == {calls[0].id, calls[1].id}
    await fetch(database, "UPDATE party SET merged_into = NULL WHERE id = $1", chain[0])
    assert await again(desk) == {calls[1].id}


async def test_nobody_knows_of_strangers_and_of_who_hung_up_in_the_menu(
    database: str, desk: asyncpg.Connection
) -> None:
    await keep(database, call(1, None), call(2, None), call(3, queue=None, outcome="abandoned_in_menu"), call(4))
    assert await whole(desk) == (4, 3, 0, 1, 0)
    assert await whole(desk, "any") == (4, 2, 0, 2, 1)
    assert await whole(desk, "handled") == (3, 2, 0, 1, 0)


async def test_whose_days_are_not_over_is_not_counted_yet(database: str, desk: asyncpg.Connection) -> None:
    now = await desk.fetchval("SELECT extract(epoch FROM now())::float8")
    days = (now - LONG_AGO) / DAY
    await keep(database, call(days - 8), call(days - 6), call(days - 5))
    assert await whole(desk, last=days + 1) == (3, 0, 2, 1, 1)


async def test_the_topic_is_that_of_the_case_and_else_the_queue(database: str, desk: asyncpg.Connection) -> None:
    delivery, invoice = call(1), call(2)
    await keep(database, delivery, invoice)
    await case(database, "delivery", delivery)
    assert await again(desk) == {delivery.id}, "one of the two has no topic, and the queue is the same"
    await case(database, "invoice", invoice)
    assert await again(desk) == set(), "both have, and others"
    elsewhere = call(3, queue="support")
    await keep(database, elsewhere)
    assert await again(desk) == set(), "another queue, and no topic"
    await case(database, "delivery", elsewhere)
    assert await again(desk) == {delivery.id}, "the same topic by two cases"
    assert await again(desk, "any") == {delivery.id, invoice.id}
    untopical = [call(10), call(11, queue="support")]
    await keep(database, *untopical)
    await case(database, None, *untopical)
    assert untopical[0].id in await again(desk), "one case is one matter, whatever the queues"


async def test_by_closed_cases(database: str, desk: asyncpg.Connection) -> None:
    def closed(at: float) -> dict[str, object]:
        return {"status": "'closed'", "phase": "'closed', closed_at = to_timestamp(%f)" % (LONG_AGO + at * DAY)}

    some = [call(1), call(2), call(3), call(4)]
    await keep(database, *some)
    await case(database, None, some[0], **closed(5))
    await case(database, None, some[1], some[2], **closed(5))
    followed = await case(database, None, some[3], **closed(5))
    await case(database, None, follows=f"'{followed}'", made_at=f"to_timestamp({LONG_AGO + 11 * DAY})")
    late = await case(database, None, **closed(6))
    await case(database, None, follows=f"'{late}'", made_at=f"to_timestamp({LONG_AGO + 14 * DAY})")
    assert await whole(desk, "case") == (4, 0, 0, 4, 2)


# --- against every pair ---


def by_pairs(
    contacts: list[Made], cases: list[tuple[str | None, list[Made]]], roots: dict[str, str], variant: str
) -> set[str]:
    """The definition, word for word."""
    of = {one.id: [number for number, (_, linked) in enumerate(cases) if one in linked] for one in contacts}
    topics = {one.id: {cases[number][0] for number in of[one.id]} - {None} for one in contacts}

    def same(one: Made, other: Made) -> bool:
        if variant == "any":
            return True
        if set(of[one.id]) & set(of[other.id]) or topics[one.id] & topics[other.id]:
            return True
        return not (topics[one.id] and topics[other.id]) and one.queue is not None and one.queue == other.queue

    real = [one for one in contacts if not one.test and one.outcome != "merged" and one.party is not None]
    return {
        one.id
        for one in real
        for other in real
        if roots[one.party or ""] == roots[other.party or ""]
        and (one.at, one.id) < (other.at, other.id)
        and other.at - one.at <= 7
        and same(one, other)
    }


@pytest.mark.parametrize("seed", range(4))
async def test_it_is_what_comparing_every_pair_gives(database: str, desk: asyncpg.Connection, seed: int) -> None:
    dice = random.Random(seed)
    people = [uid() for _ in range(8)]
    await fetch(database, "INSERT INTO party (id) SELECT unnest($1::uuid[])", people)
    roots = {one: one for one in people}
    for n, one in enumerate(people[1:], 1):
        if dice.random() < 0.4:
            into = dice.choice(people[:n])
            await fetch(database, "UPDATE party SET merged_into = $2 WHERE id = $1", one, into)
            roots[one] = roots[into]
    contacts = [
        Made(
            uid(),
            dice.randrange(0, 30 * 4) / 4,
            dice.choice([*people, None]),
            dice.choice(["sales", "support", None]),
            dice.choice(["handled", "handled", "abandoned_waiting", "merged"]),
            dice.random() < 0.1,
        )
        for _ in range(120)
    ]
    await keep(database, *contacts)
    cases: list[tuple[str | None, list[Made]]] = []
    for _ in range(30):
        cases.append((dice.choice(["delivery", "invoice", None]), dice.sample(contacts, dice.randrange(1, 5))))
        await case(database, cases[-1][0], *cases[-1][1])
    for variant in ("topic", "any"):
        wanted = by_pairs(contacts, cases, roots, variant)
        assert await again(desk, variant) == wanted
        assert len(wanted) > 10
    handled = {one.id for one in contacts if one.outcome == "handled"}
    assert await again(desk, "handled") == by_pairs(contacts, cases, roots, "topic") & handled
