"""contactctl jobs."""

from __future__ import annotations

from typing import Any

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit

# Those of store/jobs.py, which would cost every command its start.
_KINDS = ("verify", "case_targets", "retention", "recordings")
_STATES = ("waiting", "running", "done", "dead", "dropped")


@click.group("jobs")
def command() -> None:
    """What the workers do, and what they could not do (contactd worker).

    Reads and changes PostgreSQL; neither daemon nor worker need run. Who adds, retries or drops is written down.
    """


@make("list")
@click.option("--state", type=click.Choice(_STATES), help="Only those.")
@click.option("--kind", help="Only those of a kind, such as verify.")
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def listed(door: Door, state: str | None, kind: str | None, last: int) -> None:
    """The newest first."""
    from contactd.ctl import jobs

    door.show(_run(jobs.listed(door.config_path, last, kind, state)), "show_jobs")


@make("show")
@click.argument("number", type=click.IntRange(1))
def shown(door: Door, number: int) -> Exit | None:
    """All that is known of job NUMBER. Exit code 3 when it is dead."""
    from contactd.ctl import jobs

    job = _run(jobs.shown(door.config_path, number))
    door.show(job, jobs.show_job)
    return Exit.DEGRADED if job["state"] == "dead" else None


@make("add")
@click.argument("kind", type=click.Choice(_KINDS))
def added(door: Door, kind: str) -> None:
    """Ask for a job of KIND now, beside the daily ones."""
    from contactd.ctl import jobs

    door.show(_run(jobs.added(door.config_path, kind)), jobs.show_job)


@make("retry")
@click.argument("number", type=click.IntRange(1))
def retried(door: Door, number: int) -> None:
    """Have job NUMBER tried again, now, as often as its kind is tried. It goes on where it broke off."""
    from contactd.ctl import jobs

    door.show(_run(jobs.retried(door.config_path, number)), jobs.show_job)


@make("drop")
@click.argument("number", type=click.IntRange(1))
def dropped(door: Door, number: int) -> None:
    """Have job NUMBER never run again. One that runs now is ended within a quarter of a minute."""
    from contactd.ctl import jobs

    door.show(_run(jobs.dropped(door.config_path, number)), jobs.show_job)


def _run(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)


for _one in (listed, shown, added, retried, dropped):
    command.add_command(_one)
