"""Facts that somebody should hear of at once, as lines of the log: journald carries them to whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from contactd.core import events as ev
from contactd.core.agent import By
from contactd.core.step import Step

log = structlog.get_logger()


class Notices:
    """publish() after every batch."""

    def publish(self, steps: Sequence[Step]) -> None:
        for step in steps:
            for event in step.events:
                tell = _TELL.get(type(event))
                if tell is not None:
                    tell(event)


def _overdue(event: ev.AgentOverdue) -> None:
    log.warning(
        "agent_overdue",
        agent=event.agent,
        reason=event.reason,
        longest_s=event.longest_s,
        remedy="Talk to the agent, or change the status: contactctl agent. longest_s of the reason is the limit.",
    )


def _signed_out(event: ev.AgentSignedOut) -> None:
    if event.by == By.SYSTEM:
        log.info("agent_signed_out", agent=event.agent, why=event.why)


def _handset_locked(event: ev.HandsetRefused) -> None:
    if event.reason != "locked" and event.locked_until is not None:
        log.warning(
            "handset_locked",
            pbx=event.pbx,
            endpoint=event.endpoint,
            until=event.locked_until,
            remedy="Somebody tried PIN after PIN there: find out who. It opens by itself after lock_s of [sign_in].",
        )


_TELL: dict[type[ev.Event], Callable[[Any], None]] = {
    ev.AgentOverdue: _overdue,
    ev.AgentSignedOut: _signed_out,
    ev.HandsetRefused: _handset_locked,
}
