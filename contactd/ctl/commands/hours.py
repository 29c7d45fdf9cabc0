"""contactctl hours."""

from __future__ import annotations

from datetime import datetime

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("hours")
@click.argument("calendar", required=False)
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="From this date on, such as 2026-12-24.")
@click.option("--days", type=click.IntRange(1, 400), default=14, show_default=True, help="How many days.")
def command(door: Door, calendar: str | None, on: datetime | None, days: int) -> None:
    """When CALENDAR, or every calendar, is open in the next days, as contactd understands the files.

    Reads the files and not the daemon: what it shows counts after the next reload. contactctl queues tells what is open
    now.
    """
    from contactd.config import calendars
    from contactd.ctl import business_hours
    from contactd.ctl.client import NotFound

    found = calendars(door.config_path)
    if calendar is not None and calendar not in found:
        known = ", ".join(found) or "none: write [calendars.<id>]"
        raise NotFound("unknown_calendar", f"There is no calendar {calendar}; known: {known}.")
    wanted = {name: one for name, one in found.items() if calendar in (None, name)}
    told = business_hours.of_days(wanted, on.date() if on is not None else None, days)
    door.show(told, "show_hours")
