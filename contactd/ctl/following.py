"""Live facts as lines for people or programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from contactd.core.events import AnyEvent
from contactd.ctl.client import DaemonUnreachable, Refused
from contactd.ctl.exits import Exit
from contactd.ctl.words import words

_WIDE = 120
_SHORT = 18
"""As in tables.py, whose library would cost tail its start."""


def follow(facts: Iterator[Any], *, as_json: bool, count: int | None) -> Exit:
    """Print them. Raises Refused when the daemon lets a slow reader go, DaemonUnreachable when it goes itself."""
    left = count
    for fact in facts:
        if "event" not in fact:
            if fact.get("code") == "slow":
                raise Refused("slow", fact["reason"])
            raise DaemonUnreachable(fact.get("reason", "contactd ended the stream."))
        click.echo(json.dumps(as_object(fact)) if as_json else as_line(fact))
        if left is not None:
            left -= 1
            if not left:
                return Exit.FINE
    raise DaemonUnreachable("contactd is gone; systemctl status contactd tells more. The calls go on without it.")


def as_object(fact: dict[str, Any]) -> dict[str, Any]:
    return {**fact, "at": datetime.fromtimestamp(fact["at"], UTC).isoformat(), "words": _words(fact)}


def as_line(fact: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(fact["at"], UTC).astimezone()
    contact = fact["event"].get("contact") or ""
    if shutil.get_terminal_size().columns < _WIDE:
        return f"{at:%H:%M:%S}  {contact[:_SHORT]:{_SHORT}}  {_words(fact)}"
    return f"{at:%H:%M:%S.%f}"[:-3] + f"  {contact:36}  {_words(fact)}"


def _words(fact: dict[str, Any]) -> str:
    try:
        return words(msgspec.convert(fact["event"], AnyEvent))
    except msgspec.ValidationError:
        return f"{fact['event'].get('kind')} (made by a newer contactd)"
