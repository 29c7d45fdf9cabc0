"""Customers, for people. A value may be a caller's own: nothing of it moves the cursor or rings the bell."""

from __future__ import annotations

from typing import Any

import click

from contactd.core.contact import Outcome
from contactd.core.errors import ContactdError
from contactd.ctl.client import DaemonUnreachable
from contactd.ctl.door import Door
from contactd.ctl.durations import duration, local
from contactd.ctl.people import recordings_words
from contactd.ctl.words import outcome_words, safe

_WIDTH = 16


def show_customer(told: dict[str, Any]) -> None:
    facts = [told["kind"], *(["VIP"] if told["vip"] else []), *(["made by a call"] if told["light"] else [])]
    facts += [f"speaks {told['language']}"] if told["language"] else []
    facts += [f"rather by {told['medium']}"] if told["medium"] not in (None, "none") else []
    facts += ["not to be called"] if told["medium"] == "none" else []
    click.echo(f"customer {told['id']}: {', '.join(facts)}; since {local(told['made_at']):%Y-%m-%d}")
    for merged in told["merged"]:
        click.echo(f"  the same person: {merged}")
    for hold in {one["reason"]: one for one in told["holds"]}.values():
        until = f" until {local(hold['until']):%Y-%m-%d}" if hold["until"] is not None else ""
        _line("held", f"since {local(hold['since']):%Y-%m-%d} by {hold['who']}{until}: {hold['reason']}")
    if told["name"]:
        _line("name", told["name"])
    for one in told["identities"]:
        _line(one["kind"], f"{one['value']}  (ref {one['ref']})")
    for field, value in told["fields"].items():
        _line(field, value)
    for consent in told["consents"]:
        answer = "given" if consent["given"] else "refused"
        _line(consent["purpose"], f"{answer} {local(consent['at']):%Y-%m-%d} by {consent['how']}")
    click.echo()
    for entry in told["timeline"]:
        click.echo(f"{local(entry['at']):%Y-%m-%d %H:%M}  {safe(_words(entry))}")
    if not told["timeline"]:
        click.echo("nothing has happened yet")


def _words(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "note":
            about = f" (about {entry['contact']})" if "contact" in entry else ""
            return f"note by {entry['who']}{about}: {entry['text'] or '(erased)'}"
        case "consent":
            answer = "given" if entry["given"] else "refused"
            return f"{entry['purpose']} {answer} by {entry['ref']}, kept by {entry['who']}"
        case "case":
            return _case_words(entry)
        case _:
            return _contact_words(entry)


def _case_words(entry: dict[str, Any]) -> str:
    parts = [f"case {entry['cases'][0]}: {entry['subject'] or entry['type']}"]
    parts += [f"topic {entry['topic']}"] if "topic" in entry else []
    parts += [f"{kind} {entry[kind]}" for kind in ("agent", "queue") if kind in entry]
    parts += [
        entry["status"] if entry["phase"] in ("open", entry["status"]) else f"{entry['status']} ({entry['phase']})"
    ]
    return ", ".join(dict.fromkeys(parts))


def _contact_words(entry: dict[str, Any]) -> str:
    parts = [f"{entry['medium']} {entry['contact']}"]
    parts += [f"queue {entry['queue']}"] if "queue" in entry else []
    parts += [f"with {entry['agent']} for {duration(entry['talk_s'])}"] if "agent" in entry else []
    parts += [outcome_words(Outcome(entry["outcome"]))] if "outcome" in entry else ["not ended yet"]
    parts += ["verified"] if entry["verified"] else []
    parts += [f"about {number}" for number in entry["cases"]]
    return ", ".join(parts)


def wiped(door: Door) -> str:
    """What became of the facts on the daemon's own disk: empty, waiting, or unknown."""
    try:
        return "empty" if door.ask("POST", "/spool/wipe")["empty"] else "waiting"
    except DaemonUnreachable:
        return "unknown"
    except ContactdError as error:
        return f"unknown: {error}"


def show_erased(told: dict[str, Any]) -> None:
    records = "1 record" if told["records"] == 1 else f"{told['records']} records"
    contacts = "1 contact" if told["contacts"] == 1 else f"{told['contacts']} contacts"
    cases = "1 case" if told["cases"] == 1 else f"{told['cases']} cases"
    click.echo(f"{told['id']}: erased {records}, number and name of {contacts}, and what was written of {cases}.")
    click.echo(recordings_words(told["recordings"], told["recordings_held"]), nl=False)
    spool = {
        "empty": "The spool has nothing of it any more.",
        "waiting": "The spool still has facts that wait for PostgreSQL: erase once more when it has them.",
    }.get(told["spool"], "The daemon did not answer: its spool may have number and name until it has run for a day.")
    click.echo(spool)
    click.echo(
        "Still to be seen to: backups and their write-ahead log until they expire (note the id, erase again after a"
        " restore),\nspool/quarantine if there is one, and Asterisk's own CDR, voicemail and logs."
    )


def _line(name: str, value: str) -> None:
    click.echo(f"  {name:<{_WIDTH}} {safe(value)}")
