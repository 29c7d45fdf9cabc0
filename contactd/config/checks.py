"""What no key can say alone: whether the sections fit together. A blank value was complained of already."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from contactd.config.announcements import check_announcements
from contactd.config.calendars import check_calendar
from contactd.config.desk import check_desk
from contactd.config.destinations import check_destinations, check_remote_number, no_country, takes_messages
from contactd.config.flows import check_flows
from contactd.config.lookups import check_lookup, check_lookup_secret
from contactd.config.mailboxes import check_mailbox_secrets, check_mailboxes, check_smtp, check_smtp_secrets
from contactd.config.problems import Key, Problems
from contactd.config.retention import check_retention
from contactd.config.sections import (
    Calendar,
    CaseType,
    CustomerField,
    Door,
    Line,
    SecretSections,
    Sections,
    Web,
)
from contactd.config.tty import check_tty
from contactd.config.webhooks import check_webhook_secrets, check_webhooks
from contactd.core.agent import SYSTEM_REASONS
from contactd.core.ids import CalendarId

_WILDCARDS = {"0.0.0.0", "::", "[::]"}  # noqa: S104 - recognised here, not bound


def check_sections(sections: Sections, into: Problems) -> dict[str, Line]:
    """Adds what does not fit; returns the lines, parsed."""
    _database(sections, into)
    _media(sections, into)
    for calendar_id, calendar in sections.calendars.items():
        check_calendar(calendar_id, calendar, into)
    _queues(sections, into)
    _profiles(sections, into)
    _agents(sections, into)
    _supervisors(sections, into)
    _customers(sections, into)
    check_lookup(sections, into)
    check_webhooks(sections, into)
    check_desk(sections.desk, into)
    for name, disposition in sections.dispositions.items():
        for queue in disposition.queues:
            _is_queue(sections, queue, ("dispositions", name, "queues"), into)
    check_mailboxes(sections.mailboxes, into, sections.queues)
    check_smtp(sections.smtp, sections.mailboxes, into)
    check_retention(sections.retention, sections.privacy, sections.jobs, into)
    check_case_types(sections.case_types, sections.calendars, into)
    check_destinations(sections, into)
    check_announcements(sections, into)
    _reasons(sections, into)
    entries = _lines(sections, into)
    check_flows(sections, entries.values(), into)
    check_tty(sections, entries, into)
    return entries


def _database(sections: Sections, into: Problems) -> None:
    secrets = {"dsn": "password", "migrate_dsn": "migrate_password", "worker_dsn": "worker_password"}
    for name, secret in secrets.items():
        with contextlib.suppress(ValueError):
            url = urlsplit(getattr(sections.database, name) or "")
            if url.password is not None or "password" in parse_qs(url.query):
                into.add(
                    ("database", name),
                    "a password in a file that is kept with the journal",
                    f"Take it out, change it, and write it as {secret} under [database] in the secrets file",
                )
    if sections.spool.max_mb < 2 * sections.spool.segment_mb:
        into.add(("spool", "max_mb"), "less than two segments", "Give at least twice segment_mb")


def _media(sections: Sections, into: Problems) -> None:
    if not sections.pbx:
        into.add(("pbx",), "no PBX", "Write [pbx.pbx1] with its host and username")
    _door("agi", sections.agi, into)
    _door("audiosocket", sections.audiosocket, into)
    bound: list[tuple[str, Door | Web]] = [
        ("agi", sections.agi),
        ("audiosocket", sections.audiosocket),
        ("web", sections.web),
    ]
    for (name, one), (other_name, other) in itertools.combinations(bound, 2):
        same_host = one.listen == other.listen or {one.listen, other.listen} & _WILDCARDS
        if same_host and one.port == other.port:
            into.add((other_name, "port"), f"the port of [{name}] as well", "Give another port")


def _door(name: str, door: Door, into: Problems) -> None:
    for network in door.allow:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            into.add(
                (name, "allow"),
                "an element is no network",
                'Give networks such as "10.0.0.5/32" or "10.0.0.0/24"',
            )
    if not door.allow:
        into.add((name, "allow"), "nobody may connect", "Give the networks of the PBXes")
    if door.listen in _WILDCARDS and not door.advertise:
        into.add(
            (name, "advertise"),
            "this key is missing, and a PBX cannot connect to a wildcard address",
            "Give the host by which the PBX reaches this machine",
        )
    if door.advertise in _WILDCARDS:
        into.add(
            (name, "advertise"),
            "a PBX cannot connect to a wildcard address",
            "Give the host by which it reaches us",
        )


def _queues(sections: Sections, into: Problems) -> None:
    if not sections.queues:
        into.add(("queues",), "no queue", "Write [queues.<id>] for each, such as [queues.sales]")
    _is_queue(sections, sections.default_queue, ("default_queue",), into)
    for queue_id, section in sections.queues.items():
        # A [calendars] that was misspelt was told already.
        misspelt = not sections.calendars and any(one.what == "unknown key" and one.key.isalpha() for one in into.found)
        if section.calendar and section.calendar not in sections.calendars and not misspelt:
            known = f"Give one of {', '.join(sections.calendars)}, or add it" if sections.calendars else "Add it"
            into.add(
                ("queues", queue_id, "calendar"),
                f'there is no calendar "{section.calendar}"',
                f"{known} as [calendars.{section.calendar}]",
            )
        if section.calendar and section.closed is None:
            into.add(
                ("queues", queue_id, "calendar"),
                "nobody says where callers go while the queue is closed",
                'Give closed = { message = "custom/closed" } or another destination as well',
            )
    for menu_id, menu in sections.menus.items():
        at = ("menus", menu_id)
        _is_queue(sections, menu.default_choice, (*at, "default_choice"), into)
        for key, queue in menu.choices.items():
            _is_queue(sections, queue, (*at, "choices", key), into)
        for key, needs in menu.needs.items():
            if key not in menu.choices:
                into.add((*at, "needs", key), "a key that chooses nothing", f'Add "{key}" to [menus.{menu_id}.choices]')
            if needs.callback and (trouble := no_country(sections)) is not None:
                into.add((*at, "needs", key, "callback"), *trouble)
            if needs.agent and sections.agents and needs.agent not in sections.agents:
                into.add(
                    (*at, "needs", key, "agent"),
                    f'there is no agent "{needs.agent}"',
                    f"Add [agents.{needs.agent}], or name another one",
                )


def _is_queue(sections: Sections, queue: str, key: tuple[str, ...], into: Problems) -> None:
    if queue and sections.queues and queue not in sections.queues:
        into.add(
            key,
            f'there is no queue "{queue}"',
            f"Give one of {', '.join(sections.queues)}, or add it to [queues]",
        )


def _lines(sections: Sections, into: Problems) -> dict[str, Line]:
    entries: dict[str, Line] = {}
    known_targets: dict[str, set[str]] = {
        "menu": set(sections.menus),
        "flow": set(sections.flows),
        "queue": {*sections.queues},
    }
    for number, text in sections.lines.items():
        kind, _, target = text.partition(":")
        known = known_targets.get(kind)
        if not text:
            continue
        if number in sections.emergency_numbers:
            into.add(
                ("lines", number),
                "an emergency number, which must reach help and no menu or queue",
                f'Take this line out; where {number} is an ordinary number, take "{number}" out of emergency_numbers',
            )
            continue
        if text == "echo":
            entries[number] = Line("echo")
        elif known is None or not target:
            into.add(("lines", number), "this leads nowhere", 'Give "menu:<id>", "flow:<id>", "queue:<id>" or "echo"')
        elif target not in known:
            add = f"flows/{target}.toml" if kind == "flow" else f"[{kind}s.{target}]"
            into.add(("lines", number), f'there is no {kind} "{target}"', f"Add {add}, or name another {kind}")
        else:
            entries[number] = Line("menu" if kind == "menu" else "flow" if kind == "flow" else "queue", target)
    return entries


def _profiles(sections: Sections, into: Problems) -> None:
    for profile_id, profile in sections.profiles.items():
        at = ("profiles", profile_id, "media")
        if not profile.media:
            into.add(at, "no medium", "Write a section such as [profiles.blended.media.voice] for each")
        for medium, load in profile.media.items():
            if medium == "voice" and load.most > 1:
                into.add((*at, medium, "most"), "an agent has one handset", "Give 1")
            for other in load.interrupts:
                key = (*at, medium, "interrupts")
                if other == "voice":
                    into.add(key, "a call cannot be parked", 'Take "voice" out')
                elif other == medium:
                    into.add(key, "a contact cannot interrupt its like", f'Take "{other}" out')
                elif other in profile.media and medium in profile.media[other].interrupts:
                    into.add(key, f"{other} interrupts {medium} as well", f'Take "{other}" out, or the other one')


def _agents(sections: Sections, into: Problems) -> None:
    handsets: dict[tuple[str, str], str] = {}
    numbers: dict[str, str] = {}
    only = next(iter(sections.pbx), "")
    for agent_id, agent in sections.agents.items():
        at = ("agents", agent_id)
        if agent.pbx and sections.pbx and agent.pbx not in sections.pbx:
            into.add((*at, "pbx"), f'there is no PBX "{agent.pbx}"', f"Give one of {', '.join(sections.pbx)}")
        elif not agent.pbx and len(sections.pbx) > 1:
            into.add((*at, "pbx"), "this key is missing", f"Give one of {', '.join(sections.pbx)}")
        if agent.profile and agent.profile not in sections.profiles:
            known = ", ".join(sections.profiles) or "a name, and write its section"
            into.add((*at, "profile"), f'there is no profile "{agent.profile}"', f"Give {known}")
        if agent.supervisor and agent.supervisor not in sections.supervisors:
            known = ", ".join(sections.supervisors) or "a name, and write its section"
            into.add((*at, "supervisor"), f"there is no [supervisors.{agent.supervisor}]", f"Give {known}")
        for queue in agent.queues:
            _is_queue(sections, queue, (*at, "queues"), into)
        if agent.number and numbers.setdefault(agent.number, agent_id) != agent_id:
            into.add((*at, "number"), f"the number of {numbers[agent.number]} as well", "Give each agent their own")
        if agent.remote_number:
            check_remote_number(sections, (*at, "remote_number"), agent, into)
        elif (
            agent.endpoint is None
            and (agent.number is None or not sections.handsets.shared)
            and not into.complained((*at, "remote_number"))
        ):
            remedy = "Give their own handset, a remote_number, or a number for the desks of [handsets] shared"
            into.add((*at, "endpoint"), "nowhere to sign in", remedy)
        if agent.endpoint:
            other = handsets.setdefault((agent.pbx or only, agent.endpoint), agent_id)
            if other != agent_id:
                into.add(
                    (*at, "endpoint"),
                    f"the handset of {other} as well",
                    "Give each agent a handset of their own",
                )


def _supervisors(sections: Sections, into: Problems) -> None:
    groups = {group for agent in sections.agents.values() for group in agent.groups}
    for name, section in sections.supervisors.items():
        at = ("supervisors", name)
        for queue in section.queues:
            _is_queue(sections, queue, (*at, "queues"), into)
        for group in section.groups:
            if group not in groups:
                into.add((*at, "groups"), f'no agent is in the group "{group}"', "Name it in groups of an agent")
        if not section.modes:
            into.add((*at, "modes"), "no mode", "Give at least one, such as listen")


def _reasons(sections: Sections, into: Problems) -> None:
    """Each once, with digits of its own, in either form."""
    named: dict[str, str] = {}
    dialled: dict[str, str] = {}
    for digits, reason in sections.sign_in.not_ready_reasons.items():
        key = ("sign_in", "not_ready_reasons", digits)
        _is_free(reason, key, into)
        if reason and named.setdefault(reason, digits) != digits:
            into.add(key, f"the reason of {named[reason]} as well", "Give each its own")
        dialled[digits] = f"sign_in.not_ready_reasons.{digits}"
    for reason, section in sections.reasons.items():
        _is_free(reason, ("reasons", reason), into)
        if reason in named:
            into.add(
                ("reasons", reason),
                f"sign_in.not_ready_reasons.{named[reason]} gives this already",
                "Take one of the two out",
            )
        elif section.digits:
            other = dialled.setdefault(section.digits, f"reasons.{reason}.digits")
            if other != f"reasons.{reason}.digits":
                into.add(("reasons", reason, "digits"), f"those of {other} as well", "Give each its own")


def _is_free(reason: str, key: tuple[str, ...], into: Problems) -> None:
    if reason in SYSTEM_REASONS:
        into.add(key, f'"{reason}" is what contactd itself writes after a failed offer', "Give another word")


def _customers(sections: Sections, into: Problems) -> None:
    customers = sections.customers
    if customers.country and customers.country not in _countries():
        into.add(("customers", "country"), "no country's code", 'Give the ISO 3166 code, such as "DE" or "GB"')
    _fields(customers.fields, ("customers", "fields"), into)
    for language, skills in customers.languages.items():
        if not skills:
            into.add(("customers", "languages", language), "no skill", "Give at least one, such as { german = 5 }")


def _fields(fields: Mapping[str, CustomerField], at: Key, into: Problems) -> None:
    for name, field in fields.items():
        if field.type == "choice" and len(set(field.choices)) < max(2, len(field.choices)):
            into.add(
                (*at, name, "choices"), "fewer than two, or one twice", "Give each word that the field may be, once"
            )
        elif field.type != "choice" and field.choices:
            into.add((*at, name, "choices"), f"a {field.type} has no choices", 'Take them out, or give type = "choice"')


def check_case_types(types: Mapping[str, CaseType], calendars: Mapping[CalendarId, Calendar], into: Problems) -> None:
    for name, section in types.items():
        at = ("case_types", name)
        if section.calendar and section.calendar not in calendars:
            known = f"Give one of {', '.join(calendars)}, or add it" if calendars else "Add it"
            into.add(
                (*at, "calendar"),
                f'there is no calendar "{section.calendar}"',
                f"{known} as [calendars.{section.calendar}]",
            )
        for meaning, such_as in (("open", "new"), ("closed", "done")) if section.states else ():
            if meaning not in section.states.values() and not into.complained((*at, "states")):
                into.add((*at, "states"), f'no state means "{meaning}"', f'Add one, such as {such_as} = "{meaning}"')
        for key in ("first_answer_min", "resolution_min"):
            if 0 < getattr(section, key) <= section.warn_min:
                into.add((*at, key), "the warning would come at once", f"Give more than warn_min ({section.warn_min})")
        _fields(section.fields, (*at, "fields"), into)


def _countries() -> frozenset[str]:
    # Imported here: contactctl reads a configuration at each start, and seldom one of these.
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415

    return frozenset(SUPPORTED_REGIONS)


def check_secrets(sections: Sections, secrets: SecretSections, into: Problems) -> None:
    check_lookup_secret(sections, secrets, into)
    check_webhook_secrets(sections, secrets, into)
    check_mailbox_secrets(sections.mailboxes, secrets.mailboxes, into)
    check_smtp_secrets(sections.smtp, secrets.smtp, into)
    for pbx in sections.pbx:
        if pbx not in secrets.pbx:
            into.add(("pbx", pbx, "secret"), "this key is missing", "Give the secret of the PBX's AMI account")
    for agent in sections.agents:
        if agent not in secrets.agents:
            into.add(("agents", agent, "pin"), "this key is missing", "Give 4 to 10 digits in quotes")
    records = any(queue.record != "no" for queue in sections.queues.values()) or takes_messages(sections)
    if secrets.recording.key is None and (records or any(agent.record for agent in sections.agents.values())):
        into.add(
            ("recording", "key"),
            "this key is missing, and talks are recorded, or messages",
            "Give 64 hexadecimal digits in quotes, as openssl rand -hex 32 prints them, and keep a copy",
        )
    for pbx in secrets.pbx:
        if pbx not in sections.pbx:
            into.unknown(("pbx", pbx), sections.pbx)
    for agent in secrets.agents:
        if agent not in sections.agents:
            into.unknown(("agents", agent), sections.agents)
