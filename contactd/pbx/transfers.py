"""A caller out of a talk into the hold of a queue, by what every edition of the dialplan has: [contactd-return]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core.commands import MoveToQueue
from contactd.core.errors import ContactdError
from contactd.pbx.ami import AmiLink
from contactd.protocols.ami import Message

CONTEXT = "contactd-return"


def move(link: AmiLink, command: MoveToQueue, failed: Callable[[str], Any]) -> None:
    """The session carries actions out in their order, so the caller finds the queue. Refused, the talk goes on."""
    values = {
        "CONTACTD_QUEUE": command.queue,
        # A new wait begins, as after a transfer to a line.
        "CONTACTD_SINCE": "",
    }
    for name, value in values.items():
        fields = {"Action": "Setvar", "Channel": command.channel, "Variable": name, "Value": value}
        link.post(fields, lambda _: None)

    def settled(result: Message | ContactdError) -> None:
        if isinstance(result, ContactdError):
            failed(str(result))

    place = {"Context": CONTEXT, "Exten": "s", "Priority": "1"}
    link.post({"Action": "Redirect", "Channel": command.channel, **place}, settled)
