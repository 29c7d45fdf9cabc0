"""contactctl customers."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from contactd.ctl.command import CONTACT, adding_to, fields_set, options, private_file
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit

MERGED = "contactctl customers unmerge undoes it"


@click.group("customers", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who is calling: look at customers, keep, merge, give out and erase them. Each look is written down.

    PARTY is a customer's id, its beginning, or a number or address that is one customer's only.
    """


_added = adding_to(command)
_edits = options(
    click.option("--name", help='The whole name; "" clears it.'),
    click.option("--kind", type=click.Choice(["person", "organisation"])),
    click.option("--language", help='As Asterisk names it: de, en_GB; "" clears it.'),
    click.option("--medium", help='voice, tty, mail, chat, sms, or none: not to be called; "" clears it.'),
    click.option("--vip/--no-vip", default=None, help="Goes before others, as [customers] says."),
    click.option("--identity", "identities", multiple=True, help="+49..., a@b.example, external:system:id."),
    click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="A declared field."),
)
"""What add and set share."""


def _words(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "values": fields_set(options["values"])}


@_added("show")
@click.argument("party")
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="So much of the timeline.")
def show(door: Door, party: str, last: int) -> None:
    """Everything known of PARTY, and what happened: contacts on all media, notes, consents, the newest first."""
    from contactd.ctl import customers
    from contactd.ctl.customer_pages import show_customer

    door.show(asyncio.run(customers.show(door.config_path, party, last)), show_customer)


@_added("find")
@click.argument("text")
def find(door: Door, text: str) -> None:
    """Whose number, address, handle or whole name TEXT is; - reads it from standard input. Prints ids."""
    from contactd.ctl import customers

    found = asyncio.run(customers.find(door.config_path, _or_input(text)))
    door.show(found, lambda ids: click.echo("\n".join(ids)))


@_added("add")
@_edits
def add(door: Door, **options: Any) -> None:
    """A new customer. Prints the id."""
    from contactd.ctl import customers

    made = asyncio.run(customers.add(door.config_path, _words(options)))
    door.show({"id": made}, lambda told: click.echo(told["id"]))


@_added("set")
@click.argument("party")
@_edits
@click.option("--drop-identity", "drop", type=int, multiple=True, metavar="REF", help="As customers show numbers them.")
def set_(door: Door, party: str, **options: Any) -> None:
    """Change what is known of PARTY: what is not named stays."""
    from contactd.ctl import customers

    changed = asyncio.run(customers.change(door.config_path, party, _words(options)))
    door.show({"id": changed}, lambda told: click.echo(f"{told['id']}: changed"))


@_added("note")
@click.argument("party")
@click.argument("text")
@click.option("--contact", type=CONTACT, help="What it is about.")
def note(door: Door, party: str, text: str, contact: str | None) -> None:
    """Write TEXT down about PARTY; - reads it from standard input. Notes are not changed afterwards."""
    from contactd.ctl import customers

    body = _or_input(text)
    if not body.strip() or len(body) > 10_000:
        raise click.UsageError("Give a note of 1 to 10,000 characters.")
    made = asyncio.run(customers.note(door.config_path, party, body, contact))
    door.show({"note": made}, lambda told: click.echo(f"note {told['note']}"))


@_added("consent")
@click.argument("party")
@click.argument("purpose", type=click.Choice(["recording", "marketing", "calls"]))
@click.argument("answer", type=click.Choice(["given", "refused"]))
@click.option("--how", required=True, help="In one word: phone, letter, web. No name.")
def consent(door: Door, party: str, purpose: str, answer: str, how: str) -> None:
    """What PARTY agreed to, or refused. The history stays; the last answer counts. calls refused: do not call."""
    from contactd.ctl import customers

    if not how.isascii() or not how.replace("-", "").isalnum() or len(how) > 32:
        raise click.UsageError("--how takes one word of letters and digits, such as phone.")
    done = asyncio.run(customers.consent(door.config_path, party, purpose, how, given=answer == "given"))
    door.show({"id": done}, lambda told: click.echo(f"{told['id']}: {purpose} {answer}"))


@_added("merge")
@click.argument("party")
@click.argument("into")
def merge(door: Door, party: str, into: str) -> None:
    """PARTY is the same person as INTO: one timeline, one answer to who is calling. It can be undone."""
    from contactd.ctl import customers

    one, other = asyncio.run(customers.merge(door.config_path, party, into))
    told = {"merged": one, "into": other}
    door.show(told, lambda _: click.echo(f"{one} is the same person as {other} now; {MERGED}."))


@_added("unmerge")
@click.argument("party")
def unmerge(door: Door, party: str) -> None:
    """Undo a merge: PARTY is a person of its own again. Calls of the time between stay with the other."""
    from contactd.ctl import customers

    one, other = asyncio.run(customers.unmerge(door.config_path, party))
    door.show({"unmerged": one, "from": other}, lambda _: click.echo(f"{one} and {other} are two persons again."))


@_added("duplicates")
@click.argument("party", required=False)
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many pairs.")
def duplicates(door: Door, party: str | None, most: int) -> None:
    """Customers who may be one person, the likeliest first, and what they share; with PARTY only who may be that one.

    A household shares a number too: ``customers apart`` says that two are two, and they are not listed again.
    """
    from contactd.ctl import customers

    def table(pairs: list[dict[str, Any]]) -> None:
        click.echo("\n".join(f"{p['score']:>3}  {p['one']}  {p['other']}  same {p['same']}" for p in pairs) or "none")

    door.show(asyncio.run(customers.duplicates(door.config_path, most, party)), table)


@_added("apart")
@click.argument("party")
@click.argument("other")
@click.option("--undo", is_flag=True, help="They may be one after all.")
def apart(door: Door, party: str, other: str, undo: bool) -> None:
    """PARTY and OTHER are two persons, whatever they share: ``customers duplicates`` lists them no more."""
    from contactd.ctl import customers

    one, two = asyncio.run(customers.keep_apart(door.config_path, party, other, undo=undo))
    said = "may be one person" if undo else "are two persons"
    door.show({"one": one, "other": two, "apart": not undo}, lambda _: click.echo(f"{one} and {two} {said}."))


@_added("export")
@click.argument("party")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def export(door: Door, party: str, file: Path | None) -> None:
    """Everything kept of PARTY as JSON, for whoever asks what you know of them. FILE is made with mode 0600."""
    import json

    from contactd.ctl import customers

    told = asyncio.run(customers.export(door.config_path, party))
    if file is None:
        door.say_json(told)
        return
    with private_file(file) as out:
        out.write(json.dumps(told, indent=2, ensure_ascii=False).encode())
    if str(file) != "-":
        click.echo(f"{told['customer']}: {len(told['contacts'])} contacts, written to {file}")


@_added("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "named", multiple=True, metavar="COLUMN=TARGET|FILE", help="What a column is; --map x=ignore.")
@click.option("--format", type=click.Choice(["csv", "vcard"]), help="Left out: by the first line.")
@click.option("--encoding", type=click.Choice(["utf-8", "utf-16", "latin-1", "cp1252"]), help="Left out: UTF-8.")
@click.option("--delimiter", type=click.Choice(["comma", "semicolon", "tab", "pipe"]), help="Left out: by the heading.")
@click.option(
    "--on-match",
    type=click.Choice(["skip", "update", "error"]),
    default="skip",
    show_default=True,
    help="What to do with a row whose customer is kept already.",
)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["phone", "mail", "chat", "external"]),
    default=("phone", "mail", "chat", "external"),
    help="What decides who is kept already; several times. Left out: all.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Where each row not taken is told, with its line.")
@click.option("--dry-run", is_flag=True, help="Write nothing, tell what would be.")
@click.option("--resume", is_flag=True, help="Go on where it was broken off; nothing is doubled.")
@click.option("--again", is_flag=True, help="Also a file that was imported before.")
def import_(door: Door, **options: Any) -> Exit:
    """Customers from FILE, CSV or vCard: each row made, completed, updated, skipped or refused. docs/customers.rst.

    TARGET is name (several columns make one), kind, language, medium, vip, note, phone, mail, chat:NETWORK,
    external:SYSTEM, a declared field, consent:PURPOSE, consent:PURPOSE:at, or ignore. Columns with such names need no
    --map.
    """
    from contactd.ctl import importing

    if options["dry_run"] and (options["resume"] or options["again"]):
        raise click.UsageError("--dry-run looks at the whole file: leave --resume and --again out.")
    told = asyncio.run(importing.run(door.config_path, importing.Wanted(**options)))
    door.show(told, importing.show)
    return Exit.DEGRADED if told["refused"] else Exit.FINE


@_added("erase")
@click.argument("party")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(door: Door, party: str, yes: bool) -> None:
    """Erase everything about PARTY for good: record, merged records, notes, consents, number and name of each contact,
    and what was written of their cases.

    The stories of contacts and cases stay and name nobody. It is written down who did.
    """
    from contactd.ctl import customers
    from contactd.ctl.customer_pages import show_erased, wiped

    if not yes:
        click.confirm(f"Erase everything about {party} for good?", abort=True, err=True)
    done = asyncio.run(customers.erase(door.config_path, party))
    told = {
        "id": done.party,
        "records": done.parties,
        "contacts": done.private,
        "cases": done.cases,
        "spool": wiped(door),
    }
    told |= {"recordings": done.recordings, "recordings_held": done.held}
    door.show(told, show_erased)


@_added("hold")
@click.argument("party", required=False)
@click.option("--contact", type=CONTACT, help="Number and name of this contact alone, instead of PARTY.")
@click.option("--reason", required=True, help="Why, such as a file number; - reads it from standard input.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day, in UTC. Left out: until it is released."
)
def hold(door: Door, party: str | None, contact: str | None, reason: str, until: datetime | None) -> None:
    """Keep all of PARTY, whoever erases and however old it is: for a court, an authority, a claim.

    Who is the same person is held too, and each of their contacts.
    """
    from contactd.ctl import holds

    words = _or_input(reason)
    if not words.strip() or len(words) > 1000:
        raise click.UsageError("Give a reason of 1 to 1,000 characters.")
    if (party is None) == (contact is None):
        raise click.UsageError("Give a PARTY, or --contact CONTACT.")
    done = asyncio.run(holds.hold(door.config_path, party, contact, words, until))
    door.show(done, lambda told: click.echo(f"{told['held']} is held{_until(told['until'])}."))


def _until(until: float | None) -> str:
    from contactd.ctl.durations import local

    return f" until {local(until):%Y-%m-%d %H:%M}" if until is not None else " until it is released"


@_added("release")
@click.argument("party", required=False)
@click.option("--contact", type=CONTACT, help="This contact, instead of PARTY.")
def release(door: Door, party: str | None, contact: str | None) -> None:
    """End every hold on PARTY and who is the same person: it is kept and erased as any other again."""
    from contactd.ctl import holds

    if (party is None) == (contact is None):
        raise click.UsageError("Give a PARTY, or --contact CONTACT.")
    done = asyncio.run(holds.release(door.config_path, party, contact))
    number = "1 hold" if done["holds"] == 1 else f"{done['holds']} holds"
    door.show(done, lambda told: click.echo(f"{told['released']}: {number} released."))


@_added("holds")
@click.option("--all", "also_over", is_flag=True, help="Also those that were released, or are over.")
def holds_(door: Door, also_over: bool) -> None:
    """What is held, why, since when and by whom."""
    from contactd.ctl import holds

    door.show(asyncio.run(holds.listed(door.config_path, also_over=also_over)), holds.show)


@_added("assign")
@click.argument("contact", type=CONTACT)
@click.argument("party")
def assign(door: Door, contact: str, party: str) -> None:
    """Say that CONTACT, on the floor now, is PARTY: where a number is several customers', or another's phone."""
    _say(door, contact, party, {})


@_added("verify")
@click.argument("contact", type=CONTACT)
@click.argument("party")
@click.option("--by", "method", required=True, help="How, in one word: question, callback, document.")
@click.option("--agent", help="Who made sure. Left out: a supervisor.")
def verify(door: Door, contact: str, party: str, method: str, agent: str | None) -> None:
    """Say that CONTACT was made sure to be PARTY. A number alone never says so."""
    _say(door, contact, party, {"method": method, "agent": agent})


def _say(door: Door, contact: str, party: str, more: dict[str, Any]) -> None:
    from urllib.parse import quote

    from contactd.ctl import customers

    meant = asyncio.run(customers.whole_id(door.config_path, party))
    answer = door.ask("POST", f"/contacts/{quote(contact, safe='')}/customer", {"party": meant, **more})
    sure = f", verified by {more['method']}" if more else ""
    door.show(answer, lambda told: click.echo(f"{told['contact']} is {told['party']}{sure}"))


def _or_input(text: str) -> str:
    return sys.stdin.read().strip() if text == "-" else text
