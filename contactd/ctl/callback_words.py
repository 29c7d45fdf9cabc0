"""Callbacks in words: for a story, and for a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.text import Text

from contactd.core import events as ev
from contactd.core.callback import Missed
from contactd.core.dialling import Why, sentence
from contactd.ctl.durations import duration

_MISSED = {
    Missed.BUSY: "the customer's telephone was busy",
    Missed.NOT_ANSWERED: "the customer did not answer",
    Missed.NOT_ACCEPTED: "whoever answered pressed no key: a mailbox, perhaps",
    Missed.UNAVAILABLE: "the trunk did not work",
    Missed.NOT_LISTED: "[contactd-external] of the PBX does not list the number",
    Missed.NOT_SENT: "the PBX did not carry it out",
    Missed.NO_NUMBER: "the number is erased, or could not be read",
    Missed.AGENT_LEFT: "the agent hung up while the customer's telephone rang",
    Missed.UNSEEN: "the attempt ended unseen",
    Missed.CLOSED: "the queue had closed",
}
STATES = {
    "later": "waits for its time",
    "closed": "waits for the queue to open",
    "waiting": "waits for its turn",
    "agent": "an agent's telephone rings",
    "customer": "the customer is called",
    "cancelled": "cancelled",
}


def why_missed(why: str) -> str:
    """A Missed, or why it was not dialled."""
    missed = Missed._value2member_map_.get(why)
    if isinstance(missed, Missed):
        return _MISSED[missed]
    refused = Why._value2member_map_.get(why)
    return f"not called: {sentence(refused)}" if isinstance(refused, Why) else why


def _taken(event: ev.CallbackTaken) -> str:
    by = f"asked for by {event.by}" if event.by else "the caller gave a number and hangs up"
    return f"is to be called back, at its place in the queue {event.queue}: {by}"


def _failed(event: ev.CallbackFailed) -> str:
    rung = f"rung {event.tries} {'time' if event.tries == 1 else 'times'} so far"
    return f"not reached: {why_missed(event.why)}; {rung}"


WORDS: dict[type[ev.Event], Callable[[Any], str]] = {
    ev.CallbackWished: lambda _: "chose to be called back",
    ev.CallbackTaken: _taken,
    ev.CallbackDue: lambda e: f"is called without waiting longer, by {e.by}" if e.by else "may be called from here on",
    ev.CallbackBegun: lambda _: "its turn is near: the customer is called",
    ev.CustomerDialled: lambda _: "the customer's telephone rings",
    ev.CallbackFailed: _failed,
    ev.CallbackReached: lambda _: "the customer is on the line",
    ev.CallbackWithdrawn: lambda _: "the caller stayed on the line, and waits",
}


def row(one: dict[str, Any], now: float) -> tuple[str | Text, ...]:
    """As show_callbacks has its columns."""
    state = STATES.get(one["state"], one["state"])
    if one["state"] == "later":
        state = f"not before {duration(max(0.0, one['due_at'] - now))} from now"
    return (
        *(one["id"], one["queue"] or "", one["first"], state, duration(one["waited_s"])),
        *(f"{one['tries']} of {one['most_tries']}", duration(max(0.0, one["until"] - now)), one["agent"] or ""),
    )
