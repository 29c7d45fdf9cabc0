"""contactctl webhooks."""

from __future__ import annotations

import asyncio

import click

from contactd.ctl.command import adding_to
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit

_STATES = ("queued", "sent", "dead", "dropped")


@click.group("webhooks", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who else is told what happens, and what could not be told (docs/webhooks.rst).

    HOOK is the id of its section, MESSAGE a webhook-id. Reads and changes PostgreSQL; neither daemon nor worker need
    run. Who retries, drops or tests is written down.
    """


_added = adding_to(command)


@_added("list")
def listed(door: Door) -> None:
    """How each stands: who waits, since when, what failed."""
    from contactd.ctl import webhooks

    door.show(asyncio.run(webhooks.listed(door.config_path)), webhooks.show_list)


@_added("show")
@click.argument("what", metavar="HOOK|MESSAGE")
@click.option("--state", type=click.Choice(_STATES), help="Only those.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def shown(door: Door, what: str, state: str | None, most: int) -> Exit | None:
    """The messages of a HOOK, the newest first; or all of a MESSAGE. Exit code 3 when that is dead."""
    from contactd.ctl import webhooks

    if not webhooks.is_message(what):
        door.show(asyncio.run(webhooks.messages(door.config_path, what, state, most)), webhooks.show_messages)
        return None
    one = asyncio.run(webhooks.message(door.config_path, what))
    door.show(one, webhooks.show_message)
    return Exit.DEGRADED if one["state"] == "dead" else None


@_added("retry")
@click.argument("what", metavar="HOOK|MESSAGE")
def retried(door: Door, what: str) -> None:
    """Send a MESSAGE, or all dead ones of a HOOK, now, as if they were new. A HOOK that is gone or quiet is tried
    again."""
    from contactd.ctl import webhooks

    door.show(asyncio.run(webhooks.retried(door.config_path, what)), click.echo)


@_added("drop")
@click.argument("what", metavar="HOOK|MESSAGE")
@click.option("--queued", is_flag=True, help="Of a HOOK: those that still wait too.")
def dropped(door: Door, what: str, queued: bool) -> None:
    """Never send a MESSAGE, or the dead ones of a HOOK."""
    from contactd.ctl import webhooks

    door.show(asyncio.run(webhooks.dropped(door.config_path, what, queued=queued)), click.echo)


@_added("test")
@click.argument("hook")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 300), default=20, show_default=True, help="Seconds.")
def tested(door: Door, hook: str, timeout_s: float) -> Exit | None:
    """Send HOOK a message, on the way that all take, and wait for what becomes of it. Exit code 3 when it was not
    taken."""
    from contactd.ctl import webhooks

    one = asyncio.run(webhooks.tested(door.config_path, hook, timeout_s))
    door.show(one, webhooks.show_test)
    return None if one["state"] == "sent" else Exit.DEGRADED
