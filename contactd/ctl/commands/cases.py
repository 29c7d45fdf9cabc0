"""contactctl cases."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from typing import Any

import click

from contactd.ctl.command import AGENT, CONTACT, QUEUE, adding_to, fields_set, options
from contactd.ctl.door import Door

_LONGEST_NOTE = 10_000


@click.group("cases", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """What customers want done: numbers, owners, states, targets, and the contacts that are about them.

    CASE is its number, such as C-10473-62946, or the beginning of its id. Reading what somebody wrote is written down.
    """


_added = adding_to(command)
_edits = options(
    click.option("--type", help="One of [case_types]; for a new case the first one is usual."),
    click.option("--status", help="A state of the type."),
    click.option("--topic", help='A topic of the type; "" clears it.'),
    click.option("--agent", type=AGENT, help='Who owns it; "": nobody.'),
    click.option("--queue", type=QUEUE, help="Whose agents own it together."),
    click.option("--party", help="Whose it is: as contactctl customers takes it."),
    click.option("--subject", help='In one line; "" clears it, - reads it from standard input.'),
    click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="A field of the type."),
    click.option("--answered", is_flag=True, help="The customer has had the first answer."),
)
"""What add and set share."""


def _words(options: dict[str, Any]) -> dict[str, Any]:
    subject = options.pop("subject")
    words = fields_set(options.pop("values"))
    if "subject" in words or "note" in words:
        raise click.UsageError("Give the subject by --subject, a note by contactctl cases note.")
    if subject is not None:
        words["subject"] = _or_input(subject)
    return {**options, "words": words}


@_added("list")
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.option("--type", help="Only of this type.")
@click.option("--topic", help="Only about this topic.")
@click.option("--status", help="Only in this state; for a closed one with --all.")
@click.option("--agent", type=AGENT, help="Only this agent's own.")
@click.option("--queue", type=QUEUE, help="Only this queue's.")
@click.option("--party", help="Only this customer's.")
@click.option("--contact", type=CONTACT, help="Only those that this contact is about.")
@click.option("--subjects", is_flag=True, help="With what they are about, which is written down as a read of each.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def listed(door: Door, most: int, subjects: bool, **asked: Any) -> None:
    """The newest first."""
    from contactd.ctl import cases
    from contactd.ctl.case_pages import show_cases

    door.show(asyncio.run(cases.listed(door.config_path, asked, most, subjects=subjects)), show_cases)


@_added("due")
@click.option("--within", default="1d", show_default=True, help="How far ahead by the clock: 90m, 8h, 2d.")
@click.option("--type", "type_", help="Only of this type.")
@click.option("--agent", type=AGENT, help="Only this agent's own.")
@click.option("--queue", type=QUEUE, help="Only this queue's.")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
def due(door: Door, within: str, **asked: Any) -> None:
    """Answer targets that broke, and those that break next, the most urgent first; left is in business hours."""
    from contactd.ctl import cases
    from contactd.ctl.case_pages import show_due
    from contactd.ctl.durations import seconds

    try:
        within_s = seconds(within)
    except ValueError as error:
        raise click.UsageError(f"--within: {error}.") from None
    door.show(asyncio.run(cases.due(door.config_path, within_s, **asked)), show_due)


@_added("fcr")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day; usual: 30 days before --to.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="The day after the last; usual: --days ago.")
@click.option(
    "--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long nobody is to come again."
)
@click.option(
    "--by",
    "variant",
    type=click.Choice(["topic", "any", "handled", "case"]),
    default="topic",
    show_default=True,
    help="any: about anything. handled: of handled contacts only. case: of closed cases.",
)
@click.option(
    "--contacts", "most", type=click.IntRange(0, 10_000), default=0, help="Also list so many that came again."
)
def fcr(door: Door, first: datetime | None, last: datetime | None, days: int, variant: str, most: int) -> None:
    """First-contact resolution: whether customers had to come again, by queue. A contact counts where it arrived."""
    from contactd.ctl import cases
    from contactd.ctl.case_pages import show_fcr

    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    last = last or midnight - timedelta(days=days)
    first = first or last - timedelta(days=30)
    if first >= last:
        raise click.UsageError("--from is to be before --to.")
    span = (first.timestamp(), last.timestamp())
    door.show(asyncio.run(cases.fcr(door.config_path, *span, days, variant, most)), show_fcr)


@_added("show")
@click.argument("case")
@click.option("--last", type=click.IntRange(1, 10_000), default=30, show_default=True, help="So much of the history.")
def show(door: Door, case: str, last: int) -> None:
    """All that is kept of CASE, its targets, and what happened, the newest first."""
    from contactd.ctl import cases
    from contactd.ctl.case_pages import show_case

    door.show(asyncio.run(cases.show(door.config_path, case, last)), show_case)


@_added("add")
@_edits
@click.option("--contact", type=CONTACT, help="In which it came up; the case is then that customer's.")
def add(door: Door, contact: str | None, **options: Any) -> None:
    """A new case. Prints its number."""
    from contactd.ctl import cases

    made = asyncio.run(cases.add(door.config_path, _words(options), contact))
    door.show(made, lambda told: click.echo(told["number"]))


@_added("set")
@click.argument("case")
@_edits
def set_(door: Door, case: str, **options: Any) -> None:
    """Change CASE: what is not named stays. The history keeps what was."""
    from contactd.ctl import cases

    door.show(asyncio.run(cases.change(door.config_path, case, _words(options))), _state)


@_added("note")
@click.argument("case")
@click.argument("text")
@click.option("--contact", type=CONTACT, help="What it is about.")
def note(door: Door, case: str, text: str, contact: str | None) -> None:
    """Write TEXT down about CASE; - reads it from standard input. Notes are not changed afterwards."""
    from contactd.ctl import cases

    body = _or_input(text)
    if not body.strip() or len(body) > _LONGEST_NOTE:
        raise click.UsageError("Give a note of 1 to 10,000 characters.")
    made = asyncio.run(cases.note(door.config_path, case, body, contact))
    door.show({"note": made}, lambda told: click.echo(f"note {told['note']}"))


@_added("link")
@click.argument("case")
@click.argument("contact", type=CONTACT)
@click.option("--only", is_flag=True, help="Nothing follows from it, whenever the contact came.")
def link(door: Door, case: str, contact: str, only: bool) -> None:
    """CONTACT is about CASE. One that came after CASE was closed opens it again, or makes a case that follows."""
    from contactd.ctl import cases

    told = asyncio.run(cases.link(door.config_path, case, contact, again=not only))
    door.show(told, lambda one: click.echo(f"{one['number']}: {one['how']} ({one['status']})"))


@_added("unlink")
@click.argument("case")
@click.argument("contact", type=CONTACT)
def unlink(door: Door, case: str, contact: str) -> None:
    """CONTACT is not about CASE after all."""
    from contactd.ctl import cases

    door.show(asyncio.run(cases.unlink(door.config_path, case, contact)), _state)


@_added("close")
@click.argument("case")
@click.option("--status", help="Which of the states that mean closed; the first one is usual.")
def close(door: Door, case: str, status: str | None) -> None:
    """CASE is done."""
    from contactd.ctl import cases

    door.show(asyncio.run(cases.close(door.config_path, case, status)), _state)


@_added("reopen")
@click.argument("case")
@click.option("--status", help="Which of the states that mean open; the one that it had before is usual.")
def reopen(door: Door, case: str, status: str | None) -> None:
    """CASE is not done after all. Its resolution target begins anew."""
    from contactd.ctl import cases

    door.show(asyncio.run(cases.reopen(door.config_path, case, status)), _state)


def _state(told: dict[str, Any]) -> None:
    from contactd.ctl.case_pages import owner_words

    owner = owner_words(told)
    click.echo(f"{told['number']}: {told['type']}, {told['status']}{', ' + owner if owner else ''}")


def _or_input(text: str) -> str:
    return sys.stdin.read().strip() if text == "-" else text
