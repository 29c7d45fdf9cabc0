"""Recordings as the PBX takes them: what is wanted of an offer, and pauses. [contactd-record] does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from contactd.core import inputs as inp
from contactd.core.commands import PauseRecording, RingAgent
from contactd.core.errors import ContactdError
from contactd.pbx.ami import AmiLink
from contactd.protocols.ami import Message

log = structlog.get_logger()

WANTED = "CONTACTD_RECORDING"
"""On the caller's channel: the offer whose talk is recorded, and what the caller hears before. Of another offer, the
dialplan takes no notice."""
PAUSED = "CONTACTD_PAUSED"
"""On the recorded channel: what a contactd that comes later finds."""


def wanted(link: AmiLink, command: RingAgent) -> None:
    """Before the Redirect: Asterisk does what one session says in its order."""
    value = f"{command.offer}*{command.announcement}"
    link.post(_set(command.channel, WANTED, value), lambda result: _note(result, command))


def pause(link: AmiLink, command: PauseRecording, tell: Callable[[inp.Input], Any]) -> None:
    """The mark comes first: whoever finds it does the rest."""

    def done(result: Message | ContactdError) -> None:
        _note(result, command)
        if not isinstance(result, ContactdError):
            tell(inp.RecordingMuted(contact=command.contact, offer=command.offer, paused=command.paused, by=command.by))

    state = "1" if command.paused else "0"
    link.post(_set(command.channel, PAUSED, state), lambda result: _note(result, command))
    mute = {"Action": "MixMonitorMute", "Channel": command.channel, "Direction": "both", "State": state}
    link.post(mute, done)


def _set(channel: str, name: str, value: str) -> dict[str, str]:
    return {"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value}


def _note(result: Message | ContactdError, command: RingAgent | PauseRecording) -> None:
    if isinstance(result, ContactdError):
        log.warning(
            "recording_not_steered",
            command=type(command).__name__,
            contact=command.contact,
            offer=command.offer,
            error=str(result),
        )
