"""contactctl tail."""

from __future__ import annotations

from typing import Any

import click

from contactd.ctl.command import CONTACT, QUEUE
from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("tail")
@click.option("--contact", default="", type=CONTACT, help="Only of this contact: its UUID, or the beginning of it.")
@click.option("--queue", default="", type=QUEUE, help="Only of this queue's contacts.")
@click.option("--kind", "kinds", multiple=True, help="Only facts of this kind, such as ContactEnded; may be repeated.")
@click.option("--count", type=click.IntRange(1), help="End after so many facts.")
def command(door: Door, contact: str, queue: str, kinds: tuple[str, ...], count: int | None) -> Exit:
    """Live facts, one a line, while they are kept.

    Until Ctrl-C. With --json each line is an object. The past is told by explain.
    """
    from urllib.parse import urlencode

    from contactd.ctl import following
    from contactd.ctl.client import stream

    query: list[tuple[str, Any]] = [("contact", contact), ("queue", queue), *(("kind", kind) for kind in kinds)]
    target = f"/facts?{urlencode([pair for pair in query if pair[1]])}"
    try:
        return following.follow(stream(door.socket_path, target), as_json=door.json, count=count)
    except KeyboardInterrupt:
        return Exit.FINE
