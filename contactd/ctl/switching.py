"""What close, open and lift have in common."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click
from click.shell_completion import CompletionItem

from contactd.ctl.command import QUEUE
from contactd.ctl.door import Door
from contactd.ctl.durations import seconds

_CALENDAR = "calendar:"


class Lasts(click.ParamType):  # type: ignore[type-arg]  # generic in click's newest release only
    """A duration such as 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class HoursOf(click.ParamType):  # type: ignore[type-arg]
    """A queue, or calendar:NAME."""

    name = "what"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return QUEUE.shell_complete(ctx, param, incomplete)


LASTS, HOURS_OF = Lasts(), HoursOf()


def switch(door: Door, what: str, act: str, body: dict[str, Any]) -> None:
    """Ask for it, and show what every queue is now."""
    kind, name = ("calendar", what.removeprefix(_CALENDAR)) if what.startswith(_CALENDAR) else ("queue", what)
    asked = {word: value for word, value in body.items() if value is not None}
    door.show(door.ask("POST", f"/hours/{kind}/{quote(name, safe='')}/{act}", asked), "show_queues")
