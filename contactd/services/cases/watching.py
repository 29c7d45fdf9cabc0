"""Targets that run: moved when a calendar was changed, told when they are about to break, kept when they broke."""

from __future__ import annotations

from contactd.services.cases import targets as clock
from contactd.services.cases.number import shown
from contactd.services.cases.rules import Rules
from contactd.store import case_watch
from contactd.store.parties import Connection

_PAGE = 1000


async def followed(connection: Connection, rules: Rules) -> int:
    """Every target that runs, counted anew by the calendars as they are now. Returns how many moved.

    What was worked off before a holiday was declared stays so: a target that is paused, or has ended, is not touched,
    and one that has been told as broken stays broken.
    """
    moved, place = 0, case_watch.FIRST
    while page := await case_watch.running(connection, place, _PAGE):
        place = page[-1].place
        for one in page:
            section = rules.types.get(one.type)
            warn_s = section.warn_min * 60.0 if section is not None else 0.0
            now = clock.timed(one.target, rules.calendar(one.target.calendar), warn_s)
            if now != one.target and await case_watch.move(connection, one.place, now):
                moved += 1
    return moved


async def told(connection: Connection) -> list[tuple[str, str, str]]:
    """Number, target, and soon or broken: each once, with a line in the case's history."""
    broken = [(shown(number), kind, "broken") for number, kind in await case_watch.broken(connection)]
    soon = [(shown(number), kind, "soon") for number, kind in await case_watch.soon(connection)]
    return [*broken, *soon]
