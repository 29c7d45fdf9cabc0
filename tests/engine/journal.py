"""Frames to write, and what the journal has of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import msgspec

from contactd.core.floor import Floor
from contactd.core.step import Step
from contactd.engine.frame import EventRow, Frame, Rows, encode, frame_of
from contactd.store.journal import Journal, open_pool
from tests.core.world import SALES, World, open_world

CONFIG = bytes.fromhex("aa" * 32)


def frame(step: Step, epoch: int = 1) -> Frame:
    made = frame_of(epoch, [step], [], CONFIG)
    assert made is not None
    return made


def busy_world(calls: int) -> World:
    """Configured, steered, and so many callers waiting: two events at first, then two a caller."""
    world = open_world()
    for _ in range(calls):
        world.arrive(SALES)
    return world


def frames(calls: int, epoch: int = 1) -> list[Frame]:
    return [frame(step, epoch) for step in busy_world(calls).steps]


def raw(
    first_seq: int, body: str = "{}", *, at: float = 1_800_000_000.0, epoch: int = 1, contact: str | None = None
) -> Frame:
    """One event with this body, whatever it is."""
    row = EventRow(first_seq, at, "Anything", 1, contact, None, body)
    return encode(epoch, first_seq, first_seq, Rows([], [row], []))


@contextlib.asynccontextmanager
async def journal_of(dsn: str, *, timeout_s: float = 5) -> AsyncIterator[Journal]:
    pool = await open_pool(dsn)
    try:
        yield Journal(pool, 1, timeout_s=timeout_s)
    finally:
        pool.terminate()


async def fetch(dsn: str, sql: str, *arguments: object) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) if len(row) > 1 else row[0] for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()


async def seqs(dsn: str) -> list[int]:
    return await fetch(dsn, "SELECT seq FROM event ORDER BY seq")


def chain_of(bodies: list[str]) -> bytes:
    """As an auditor recomputes it."""
    chain = bytes(32)
    for body in bodies:
        chain = hashlib.sha256(chain + body.encode()).digest()
    return chain


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.002)


def state_of(floor: Floor) -> bytes:
    """Without the epoch, which no event carries."""
    return msgspec.msgpack.encode(msgspec.structs.replace(floor, epoch=0), order="deterministic")
