"""The floor as it was: the last snapshot before a moment, and the events from there to it. Reads only."""

from __future__ import annotations

import asyncpg
import msgspec

from contactd.core import events as ev
from contactd.core.errors import ContactdError, FloorBug
from contactd.core.floor import SNAPSHOT_VERSION, Floor, LiveFloor
from contactd.core.ids import ContactId, Instant
from contactd.store.queries import query

MOST_EVENTS = 500_000
"""From a snapshot to the moment; some ten seconds' work. Snapshots are an hour apart, and in an hour a centre of a
thousand agents has a fifth of it."""
_PAGE = 5_000
_event = msgspec.json.Decoder(ev.AnyEvent).decode
_floor = msgspec.msgpack.Decoder(Floor).decode


class PastLost(ContactdError):
    """The floor of that moment cannot be made again."""


async def floor_of(connection: asyncpg.Connection, contact: ContactId, seq: int) -> int:
    """The number of the floor that has this event of contact."""
    floor: int = await connection.fetchval(query("floor_of_event"), contact, seq)
    return floor


async def last_seq(connection: asyncpg.Connection, floor: int) -> int:
    """How far the journal goes."""
    seqs: dict[int, int] = {row["id"]: row["seq"] for row in await connection.fetch(query("floors"))}
    return seqs[floor]


async def last_event_at(connection: asyncpg.Connection, floor: int, first: int, last: int, at: Instant) -> int:
    """The last event from first to last that had happened at that moment; first itself had."""
    while first < last:
        middle = (first + last + 1) // 2
        row = await connection.fetchrow(query("event_at_or_after"), floor, middle)
        if row is not None and row["seq"] <= last and row["at"] <= at:
            first = row["seq"]
        else:
            last = middle - 1
    return first


async def floor_after(connection: asyncpg.Connection, floor: int, seq: int) -> LiveFloor:
    """The floor as it was after event seq. Raises PastLost."""
    oldest_version = max(1, SNAPSHOT_VERSION - 1)
    row = await connection.fetchrow(query("snapshot_before"), floor, seq, oldest_version, SNAPSHOT_VERSION)
    try:
        live = LiveFloor(_floor(row["body"])) if row is not None else LiveFloor()
        if seq - live.seq > MOST_EVENTS:
            raise PastLost(
                "That moment lies before what is kept: snapshots of the floor are kept for 35 days, one an hour, and"
                f" the last one before it is {seq - live.seq} facts older. What the journal says of it,"
                " contactctl explain without --at tells."
            )
        while live.seq < seq:
            rows = await connection.fetch(query("events_after"), floor, live.seq, min(_PAGE, seq - live.seq))
            if not rows:
                raise PastLost(f"The journal has no fact {live.seq + 1}; contactctl verify tells whether it is whole.")
            for event in rows:
                if event["seq"] != live.seq + 1:
                    raise FloorBug(f"the journal goes from {live.seq} to {event['seq']}")
                live.apply(_event(event["body"]), event["at"])
    except (FloorBug, msgspec.DecodeError) as error:
        raise PastLost(
            f"The floor of that moment cannot be made again ({error}): facts of another version of contactd are among"
            " them, or some were refused and quarantined."
        ) from error
    return live
