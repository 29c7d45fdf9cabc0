"""A supervisor closes a queue, or all queues of a calendar, or opens them, whatever the hours; or lets the hours count
again. A refusal is a value with a stable code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from contactd.core.floor import LiveFloor
from contactd.core.ids import CalendarId, Instant, QueueId
from contactd.core.inputs import SwitchAsked
from contactd.core.opening import switch_key
from contactd.core.plan import AtClosing
from contactd.web.acts import DONE
from contactd.web.health import Engine

CLOSE, OPEN, LIFT = "close", "open", "lift"
ACTS = {CLOSE: False, OPEN: True, LIFT: None}
QUEUE, CALENDAR = "queue", "calendar"
_LONGEST_S = 31 * 86400
_LONGEST_WHY = 200


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request."""

    why: str = ""
    for_s: float | None = None
    waiting: AtClosing | None = None


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of it. key: what was switched. http: the status to answer with."""

    key: str
    code: str
    reason: str = ""
    http: int = 200


async def switch(engine: Engine, now: Instant, kind: str, name: str, act: str, body: Any) -> Switched:
    """kind: QUEUE or CALENDAR. act: a key of ACTS. body: as it came, to be read as Asked.

    Raises a ContactdError when the inbox is full.
    """
    queue = QueueId(name) if kind == QUEUE else None
    calendar = CalendarId(name) if kind == CALENDAR else None
    key = switch_key(queue, calendar)
    if act not in ACTS or kind not in (QUEUE, CALENDAR):
        return Switched(key, "unknown_act", f"{act} {kind} is none of {', '.join(ACTS)} a queue or a calendar.", 404)
    known = engine.floor.queues if kind == QUEUE else engine.floor.plan.calendars
    if name not in known:
        names = ", ".join(known) or "none"
        return Switched(key, f"unknown_{kind}", f"There is no {kind} {name}; known: {names}.", 404)
    try:
        asked = msgspec.convert(body if isinstance(body, dict) else {}, Asked)
    except msgspec.ValidationError as error:
        return Switched(key, "wrong_body", f"The request cannot be read: {error}.", 400)
    wrong = _wrong(engine.floor, key, act, asked)
    if wrong is not None:
        return Switched(key, *wrong)
    step = await engine.ask(
        SwitchAsked(
            queue=queue,
            calendar=calendar,
            open=ACTS[act],
            why=asked.why,
            until=round(now + asked.for_s, 6) if asked.for_s is not None else None,
            waiting=asked.waiting,
        )
    )
    if step.events:
        return Switched(key, DONE)
    return Switched(key, "same", f"{name} is so already, for the same reason and time.", 409)


def _nowhere_to_go(floor: LiveFloor, key: str) -> str | None:
    """A queue that would close and has no destination."""
    for queue in floor.queues.values():
        closes = key in (switch_key(queue.id, None), switch_key(None, queue.calendar))
        if closes and queue.closed is None and queue.closed_by_hand is None:
            return queue.id
    return None


def _wrong(floor: LiveFloor, key: str, act: str, asked: Asked) -> tuple[str, str, int] | None:
    """The code, the sentence, and the status, for what is not to be asked."""
    if act == LIFT:
        told = f"{key} follows its hours: nothing was closed or opened by hand."
        return None if key in floor.state.switches else ("not_switched", told, 409)
    if not asked.why.strip() or len(asked.why) > _LONGEST_WHY or not asked.why.isprintable():
        return "no_reason", f"Say why, in one line of at most {_LONGEST_WHY} characters (--why).", 400
    if asked.for_s is not None and not 1 <= asked.for_s <= _LONGEST_S:
        return "wrong_time", "Give a time from one second to 31 days (--for 2h).", 400
    if act == OPEN and asked.for_s is None:
        return (
            "no_time",
            "Say for how long (--for 2h): who forgets an opening by hand keeps callers waiting for nobody all night."
            " To let the hours count again, use lift.",
            400,
        )
    nowhere = _nowhere_to_go(floor, key) if act == CLOSE else None
    told = (
        f"Nobody says where callers of {nowhere} go while it is closed: give [queues.{nowhere}] closed or"
        " closed_by_hand, and reload."
    )
    return None if nowhere is None else ("no_destination", told, 409)
