"""Cases, for people. What somebody wrote may be a stranger's: nothing of it moves the cursor or rings the bell."""

from __future__ import annotations

from typing import Any

import click

from contactd.core.contact import Outcome
from contactd.ctl.durations import duration, local
from contactd.ctl.tables import SHORT, WIDE, console, print_table, table_of
from contactd.ctl.words import outcome_words, safe

_WIDTH = 16
SUBJECT = "subject"
_TARGETS = {"first_answer": "first answer", "resolution": "resolution"}
_LONGEST_SUBJECT = 60


def show_cases(rows: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    with_subject = any("subject" in row for row in rows)
    table = table_of(
        *("case", "type", "status", "topic", "owner", "next target"),
        *(["subject~"] if with_subject else []),
        *(["customer"] if wide or not with_subject else []),
        *(["made"] if wide else []),
    )
    for row in rows:
        table.add_row(
            *(row["number"], row["type"], row["status"], row["topic"] or ""),
            *(owner_words(row), _next_words(row["targets"])),
            *([safe(row.get("subject") or "")[:_LONGEST_SUBJECT]] if with_subject else []),
            *([(row["party"] or "")[: None if wide else SHORT]] if wide or not with_subject else []),
            *([f"{local(row['made_at']):%Y-%m-%d %H:%M}"] if wide else []),
        )
    print_table(table, "there is no such case; contactctl cases list --all shows closed ones too")


def show_due(rows: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    table = table_of("case", "target", "due", "left>", "state", "owner", *(["type", "topic"] if wide else []), "status")
    for row in rows:
        target = row["target"]
        table.add_row(
            *(row["number"], _TARGETS[target["kind"]], f"{local(target['due']):%Y-%m-%d %H:%M}", _left(target)),
            *(target["state"], owner_words(row)),
            *([row["type"], row["topic"] or ""] if wide else []),
            row["status"],
        )
    print_table(table, "no target breaks so soon; contactctl cases due --within 7d looks further")


_FORMULAS = {
    "topic": "contacts without a further one by that customer on that topic within {days} days / contacts",
    "any": "contacts without a further one by that customer, about anything, within {days} days / contacts",
    "handled": "handled contacts with no further one by that customer on that topic within {days} days / handled ones",
    "case": "closed cases with one contact, and none following within {days} days / closed cases",
}


def show_fcr(told: dict[str, Any]) -> None:
    """The figure with its formula, and beside it what could not be counted."""
    click.echo(f"first-contact resolution, {told['by']}: {_FORMULAS[told['by']].format(days=told['days'])}")
    days = [f"{local(told[end]):%Y-%m-%d}" for end in ("since", "until")]
    click.echo(f"arrived from {days[0]} to {days[1]}, the last day left out")
    click.echo()
    by_case = told["by"] == "case"
    table = table_of(
        *("type" if by_case else "queue", "closed>" if by_case else "contacts>", "unknown>", "too early>"),
        *("counted>", "again>", "FCR>"),
    )
    for line in told["lines"] if any(one["contacts"] for one in told["lines"]) else ():
        name = "all" if line["whole"] else line["queue"] or "(none)"
        share = f"{line['fcr']:.1%}" if line["fcr"] is not None else "-"
        counts = (line[one] for one in ("contacts", "unknown", "early", "counted", "again"))
        table.add_row(name, *map(str, counts), share)
    print_table(table, "no contact arrived then")
    for one in told["again"]:
        when = f"{local(one['arrived_at']):%Y-%m-%d %H:%M}"
        click.echo(f"{one['contact']}  {when}, queue {one['queue']}, again {local(one['again_at']):%Y-%m-%d %H:%M}")


def owner_words(row: dict[str, Any]) -> str:
    if row["agent"]:
        return f"agent {row['agent']}"
    return f"queue {row['queue']}" if row["queue"] else ""


def _next_words(targets: list[dict[str, Any]]) -> str:
    """The one that breaks first."""
    running = [one for one in targets if one["state"] in ("running", "soon", "broken")]
    if running:
        first = min(running, key=lambda one: one["due"])
        return f"{_TARGETS[first['kind']]} {_left(first)}"
    return "paused" if any(one["state"] == "paused" for one in targets) else ""


def _left(target: dict[str, Any]) -> str:
    left_s = target["left_s"]
    return f"{_span(left_s)} left" if left_s > 0 else f"{_span(-left_s)} late"


def _span(seconds: float) -> str:
    """Of business hours: more than a few hours is seldom wanted to the minute."""
    return duration(seconds) if seconds >= 60 else f"{seconds:.0f} s"


def show_case(told: dict[str, Any]) -> None:
    facts = [told["label"], told["status"], *([f"topic {told['topic']}"] if told["topic"] else [])]
    click.echo(f"case {told['number']}: {', '.join(facts)}; since {local(told['made_at']):%Y-%m-%d %H:%M}")
    for field, text in sorted(told["words"].items(), key=lambda one: (one[0] != SUBJECT, one[0])):
        _line(field, text)
    if told["party"]:
        _line("customer", f"{told['party']}{' ' + told['name'] if told['name'] else ''}")
    _line("owner", owner_words(told) or "nobody")
    for target in told["targets"]:
        _line(_TARGETS[target["kind"]], target_words(target))
    if told["closed_at"]:
        _line("closed", f"{local(told['closed_at']):%Y-%m-%d %H:%M}")
    if told["follows"]:
        _line("follows", told["follows"])
    for number in told["followed_by"]:
        _line("followed by", number)
    _line("id", told["id"])
    click.echo()
    for entry in told["history"]:
        click.echo(f"{local(entry['at']):%Y-%m-%d %H:%M}  {safe(_words(entry))}")


def target_words(target: dict[str, Any]) -> str:
    when = f"{local(target['due']):%Y-%m-%d %H:%M}" if target["due"] is not None else ""
    hours = f"of the hours of {target['calendar']}" if target["calendar"] else "around the clock"
    match target["state"]:
        case "kept" | "late":
            return f"{target['state']}, {local(target['met_at']):%Y-%m-%d %H:%M}, {_left(target)}"
        case "paused":
            return f"paused, {_left(target)} {hours}"
        case "never due":
            return f"never due: the calendar {target['calendar']} does not open"
        case "broken":
            return f"BROKEN, was due {when}, {_left(target)}"
        case state:
            return f"due {when}, {_left(target)} {hours}{', SOON' if state == 'soon' else ''}"


def _words(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "note":
            about = f" (about {entry['contact']})" if entry["contact"] else ""
            return f"note by {entry['who']}{about}: {entry['text'] or ''}"
        case "word":
            return f"{entry['who']}: {entry['what']} {_change(entry['was'], entry['now'])}"
        case "contact":
            parts = [f"{entry['medium'] or 'contact'} {entry['contact']}"]
            parts += [f"queue {entry['queue']}"] if entry["queue"] else []
            parts += [f"with {entry['agent']} for {duration(entry['talk_s'])}"] if entry["agent"] else []
            parts += [outcome_words(Outcome(entry["outcome"]))] if entry["outcome"] else []
            return ", ".join(parts)
        case _:
            return f"{entry['who']}: {_change_words(entry)}"


def _change_words(entry: dict[str, Any]) -> str:
    what, was, now = entry["what"], entry["was"], entry["now"]
    if what == "contact":
        return f"linked {now}" if now else f"unlinked {was}"
    if what == "made":
        return f"made, {now}"
    return f"{_TARGETS.get(what, what)} {now if what in _TARGETS else _change(was, now)}"


def _change(was: str | None, now: str | None) -> str:
    if was is None:
        return f"is {now}"
    return f"{was} -> {now}" if now is not None else f"{was} -> nothing"


def _line(name: str, value: str) -> None:
    click.echo(f"  {name:<{_WIDTH}} {safe(value)}")
