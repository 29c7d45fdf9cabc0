"""Figures over history: each a query in sql/reports, with its formula from core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from contactd.core.events import AnyEvent, FlowWent
from contactd.core.ids import Instant
from contactd.core.ivr.figures import FlowFigures, Journey
from contactd.core.kpi import first_contact_resolution
from contactd.store.queries import query

FCR_VARIANTS = ("topic", "any", "handled", "case")
"""topic: contactd's default (docs/cases.rst). any: a further contact about anything. handled: as topic, of handled
contacts only. case: of closed cases, those done with one contact and not followed by another."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """One line: of a queue (of a type, for closed cases), or of all. unknown: who it was, or what about. early: the
    days are not over yet. again: of those counted, with a further contact."""

    queue: str | None
    whole: bool
    contacts: int
    unknown: int
    early: int
    counted: int
    again: int

    @property
    def fcr(self) -> float | None:
        return first_contact_resolution(self.counted, self.again)


async def resolution(
    connection: asyncpg.Connection, since: Instant, until: Instant, days: int, variant: str
) -> list[Resolution]:
    """By queue, at last of all."""
    if variant == "case":
        rows = await connection.fetch(query("fcr_by_case"), since, until, days, timeout=600)
    else:
        rows = await connection.fetch(query("fcr_by_contact"), since, until, days, *_what(variant), timeout=600)
    return [Resolution(**row) for row in rows]


async def came_again(
    connection: asyncpg.Connection, since: Instant, until: Instant, days: int, variant: str, most: int
) -> list[dict[str, Any]]:
    """Contacts that had a further one, the newest first."""
    rows = await connection.fetch(query("re_contacts"), since, until, days, *_what(variant), most, timeout=600)
    return [dict(row) for row in rows]


async def flow_figures(connection: asyncpg.Connection, flow: str, since: Instant, until: Instant) -> FlowFigures:
    """Of the callers who arrived in that time. A row at a time: of a month there are millions."""
    figures = FlowFigures()
    decode = msgspec.json.Decoder(AnyEvent).decode
    last = ""
    told: list[tuple[Instant, FlowWent]] = []
    waited, ended_at = False, None
    async with connection.transaction():
        async for row in connection.cursor(query("flow_journeys"), since, until, flow, prefetch=2000, timeout=600):
            if row["contact"] != last:
                figures.add(Journey(told, waited, ended_at))
                last, told = row["contact"], []
                waited, ended_at = row["waited"], row["ended_at"]
            event = decode(row["body"])
            if isinstance(event, FlowWent):
                told.append((row["at"], event))
    figures.add(Journey(told, waited, ended_at))
    return figures


def _what(variant: str) -> tuple[str, bool]:
    return "any" if variant == "any" else "topic", variant == "handled"
