"""The samples and the reference in docs/, made from the sections: their types, defaults, and the text below each key.

``make docs`` writes them; a test compares. Only the example values stand here.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin

import msgspec

from contactd.config import sections
from contactd.config.reader import wanted
from contactd.config.retention import DEFAULT_DAYS
from contactd.config.sections import LIVE, LIVE_SECRETS, Flow, FlowTest, SecretSections, Sections, is_live, same_place
from contactd.config.writing import toml_key, toml_value
from contactd.core.ivr import nodes

Key = tuple[str, ...]
NO_EXAMPLE: Mapping[str, Any] = MappingProxyType({})
MARK = ".. made from contactd/config/sections by `make docs`; what is above this line is written by hand"
_WIDTH = 118

SAMPLE_HEAD = """\
contactd.toml: everything an admin sets. Copy it to /etc/contactd/contactd.toml and change what is yours.

Every key is here. One with a default may be left out. All of it may also be spread over several files in /etc/contactd
whose names end in .toml, each section in one of them; docs/configuration.rst tells how.
Passwords, secrets and PINs are NOT here but in the secrets file: this file is kept, whole, with the journal.

    contactd check-config          tells everything that is wrong, with line and remedy
    contactctl plan                tells what a reload would change, and what needs a restart
    systemctl reload contactd      checks, then takes all that a reload can take, or nothing

What needs a restart is marked so. Waiting and talking callers survive a restart.
"""
SECRETS_HEAD = """\
secrets.toml: what contactd must know and nobody else may read. It is neither logged nor stored anywhere.

    install -o contactd -g contactd -m 0600 secrets.sample.toml /etc/contactd/secrets.toml

contactd refuses this file while others may read or change it.
"""
FILES_OF_THEIR_OWN = frozenset({"flows"})
"""Told in a paper of their own."""
EXAMPLE: dict[str, Any] = {
    "default_queue": "sales",
    "database": {
        "dsn": "postgresql://contactd@/contactd?host=/run/postgresql",
        "migrate_dsn": "postgresql://contactd_owner@/contactd?host=/run/postgresql",
        "worker_dsn": "postgresql://contactd@/contactd?host=/run/postgresql",
    },
    "pbx": {"pbx1": {"host": "127.0.0.1", "username": "contactd"}},
    "agi": {"advertise": "127.0.0.1"},
    "audiosocket": {"advertise": "127.0.0.1"},
    "calendars": {
        "office": {
            "time_zone": "Europe/Berlin",
            "country": "DE",
            "subdivision": "BY",
            "observe_holidays": ["Mariä Himmelfahrt"],
            "ignore_holidays": ["Heilige Drei Könige"],
            "hours": {"monday-thursday": "8:00-12:00, 13:00-17:30", "friday": "8:00-14:00"},
            "special": {
                "12-24": {"hours": "8:00-12:00", "reason": "Christmas Eve"},
                "2026-12-28/2026-12-31": {"reason": "Company holidays"},
            },
        },
    },
    "retention": DEFAULT_DAYS,
    "dispositions": {"sold": {"label": "Sold"}},
    "desk": {"origin": "https://desk.example.org"},
    "customers": {
        "country": "DE",
        "sticky_days": 30,
        "vip_boost_s": 120,
        "languages": {"de": {"german": 5}, "en": {"english": 5}},
        "fields": {"customer_number": {"label": "Customer number"}},
    },
    "case_types": {
        "complaint": {
            "label": "Complaint",
            "calendar": "office",
            "first_answer_min": 240,
            "resolution_min": 2400,
            "topics": {"delivery": "Delivery", "invoice": "Invoice"},
            "states": {"new": "open", "in_progress": "open", "asked": "waiting", "solved": "closed", "void": "closed"},
            "fields": {"order_number": {"label": "Order number"}},
        },
        "question": {"label": "Question", "reopen_days": 3},
    },
    "recording": {"inbox": "/var/spool/asterisk/contactd"},
    "queues": {
        "sales": {
            "calendar": "office",
            "closed": {"message": "custom/closed"},
            "closed_by_hand": {"message": "custom/emergency"},
            "label": "Sales",
            "record_announcement": "custom/recorded",
            "record_days": 180,
            "max_waiting": 40,
            "max_estimated_wait_s": 1200,
            "full": {"queue": "service"},
            "unstaffed": {"queue": "service"},
            "welcome": ["custom/welcome"],
            "announce_position": {"after_s": 30, "every_s": 60, "up_to": 10},
            "announce_wait": {"after_s": 30, "every_s": 60},
            "skills": {"german": 7},
            "keys": {"1": {"voicemail": "100"}, "2": {"queue": "service"}, "9": {"menu": True}},
            "messages": {"website": {"sounds": ["custom/website"], "after_s": 45, "every_s": 120}},
            "steps": {
                "20": {"strategy": "best_skill", "lower_by": 4, "skills": {"german": 7, "english": 5}},
                "60": {"skills": {}, "also_groups": ["reserve"]},
                "600": {"go": {"voicemail": "100"}},
            },
        },
        "service": {"ring_s": 25, "wrap_up_s": 60, "label": "Customer service"},
    },
    "menus": {
        "main": {
            "greeting": ["hello-world"],
            "prompt": ["vm-enter-num-to-call"],
            "choices": {"1": "sales", "2": "service"},
            "needs": {"2": {"boost_s": 60, "agent": "bob", "skills": {"english": 5}}},
            "default_choice": "service",
        }
    },
    "lines": {"5000": "menu:main", "5001": "queue:sales", "5900": "echo"},
    "handsets": {"shared": ["1100", "12??"]},
    "reasons": {
        "break": {"digits": "1", "label": "Break", "longest_s": 900},
        "training": {"digits": "2", "label": "Training", "paid": True},
    },
    "profiles": {
        "blended": {
            "own_calls": "all",
            "media": {
                "voice": {"interrupts": ["mail"]},
                "chat": {"most": 3, "weight": 30},
                "mail": {"weight": 60},
            },
        },
    },
    "supervisors": {"floor": {}},
    "agents": {
        "alice": {
            "endpoint": "1001",
            "number": "4001",
            "queues": ["sales", "service"],
            "pbx": "pbx1",
            "profile": "blended",
            "record": False,
            "supervisor": "floor",
            "skills": {"german": 9, "english": 6},
        },
        "bob": {"endpoint": "1002", "queues": ["service"], "groups": ["reserve"], "skills": {"german": 3}},
    },
}
NOT_IN_FORCE: dict[str, Any] = {
    "mailboxes": {"support": {"host": "mail.example.org", "username": "support@example.org", "queue": "service"}},
    "smtp": {
        "support": {
            "host": "mail.example.org",
            "username": "support@example.org",
            "address": "support@example.org",
        }
    },
    "webhooks": {"crm": {"url": "https://crm.example.org/contactd", "events": ["contact.ended", "case.*"]}},
}
"""Sections that the sample shows as comments: nobody is told or asked anything by a sample."""
SECRETS_EXAMPLE: dict[str, Any] = {
    "database": {"password": "change-me", "migrate_password": "change-me-too", "worker_password": "change-me"},
    "recording": {"key": "89abcdef01234567" * 4},
    "pbx": {"pbx1": {"secret": "change-me", "test_secret": "change-me-as-well"}},
    "agents": {"alice": {"pin": "4711"}, "bob": {"pin": "0815"}},
}


SECRETS_NOT_IN_FORCE: dict[str, Any] = {
    "mailboxes": {"support": {"password": "change-me"}},
    "smtp": {"support": {"password": "change-me"}},
    "webhooks": {"crm": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
}


def main(folder: Path) -> None:
    """Write all of it into folder, the docs/ of a checkout."""
    (folder / "contactd.sample.toml").write_text(sample(), encoding="utf-8")
    (folder / "secrets.sample.toml").write_text(secrets_sample(), encoding="utf-8")
    paper = folder / "configuration.rst"
    paper.write_text(reference(paper.read_text(encoding="utf-8")), encoding="utf-8")
    paper = folder / "flows.rst"
    paper.write_text(flow_reference(paper.read_text(encoding="utf-8")), encoding="utf-8")


def sample() -> str:
    return _sample(Sections, SAMPLE_HEAD, EXAMPLE, NOT_IN_FORCE, LIVE)


def secrets_sample() -> str:
    return _sample(SecretSections, SECRETS_HEAD, SECRETS_EXAMPLE, SECRETS_NOT_IN_FORCE, LIVE_SECRETS)


def reference(paper: str) -> str:
    """The paper with everything below the mark made anew."""
    by_hand = paper.partition(MARK)[0]
    made = [MARK, "", *_reference(Sections, "The keys", LIVE), *_reference(SecretSections, "The secrets", LIVE_SECRETS)]
    return by_hand + "\n".join(made).rstrip() + "\n"


# --- the samples ------------------------------------------------------------------------------------------------------


def _sample(
    kind: type[msgspec.Struct],
    head: str,
    example: Mapping[str, Any],
    not_in_force: Mapping[str, Any],
    live: tuple[Key, ...],
) -> str:
    lines = _comment(head.splitlines())
    plain, tables = _split(kind)
    for field in plain:
        lines += ["", *_commented(kind, field, (), live), _assigned(field, example)]
    for field in tables:
        shown = example.get(field.name, NO_EXAMPLE)
        inner = _section(field.type)
        if inner is None:
            lines += ["", "", *_commented(kind, field, (), live), f"[{field.name}]", *_pairs(shown)]
        elif get_origin(field.type) is dict:
            for number, (name, values) in enumerate(shown.items()):
                lines += _sample_section(inner, (field.name, name), values, live, first=number == 0)
            for name, values in not_in_force.get(field.name, NO_EXAMPLE).items():
                made = _sample_section(inner, (field.name, name), values, live)
                lines += [line if not line or line.startswith("#") else f"# {line}" for line in made]
        else:
            lines += _sample_section(inner, (field.name,), shown, live)
    return "\n".join(lines) + "\n"


def _sample_section(
    kind: type[msgspec.Struct], key: Key, example: Mapping[str, Any], live: tuple[Key, ...], *, first: bool = True
) -> list[str]:
    """first: documented; a further one of its kind shows only what its example gives."""
    if not first:
        return ["", f"[{toml_key(*key)}]", *_pairs(example)]
    text = _wrapped(f"{_text(kind)} {_section_reload(kind, key, live)}".rstrip())
    lines = ["", "", *_comment(text), f"[{toml_key(*key)}]"]
    plain, tables = _split(kind)
    for field in plain:
        lines += [*_commented(kind, field, key, live), _assigned(field, example)]
    for field in tables:
        inner = (*key, field.name)
        values = example.get(field.name, _default(field))
        section = _section(field.type)
        if section is not None:
            for number, (name, entry) in enumerate(values.items()):
                lines += _sample_section(section, (*inner, name), entry, live, first=number == 0)
            continue
        lines += ["", *_commented(kind, field, key, live), f"[{toml_key(*inner)}]", *_pairs(values)]
    return lines


def _commented(kind: type[msgspec.Struct], field: Any, at: Key, live: tuple[Key, ...]) -> list[str]:
    return _comment([*_wrapped(_text(kind, field.name)), *_wrapped(_takes(field, (*at, field.name), live))])


def _assigned(field: Any, example: Mapping[str, Any]) -> str:
    value = example.get(field.name, _default(field))
    if value is None:
        shown = _shown(field.type)
        if shown is not None:
            # Not in force in the sample: it stands there as a comment.
            return f"# {field.name} = {toml_value(shown)}"
        raise ValueError(f"reference.py: give an example of {field.name}, which has neither a value nor a default")
    return f"{field.name} = {toml_value(value)}"


def _shown(kind: Any) -> Any:
    """The example that the type itself gives; None: none."""
    for one in (kind, *get_args(kind)):
        for meta in getattr(one, "__metadata__", ()):
            if meta.examples:
                return meta.examples[0]
    return None


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{toml_key(key)} = {toml_value(value)}" for key, value in values.items()]


def _comment(lines: list[str]) -> list[str]:
    return [f"# {line}".rstrip().replace("``", "") for line in lines]


# --- the reference ----------------------------------------------------------------------------------------------------


def _reference(kind: type[msgspec.Struct], title: str, live: tuple[Key, ...]) -> list[str]:
    lines = [title, "-" * len(title), "", *_wrapped(_text(kind)), ""]
    plain, tables = _split(kind)
    lines += _definitions(kind, plain, (), live)
    for field in tables:
        inner = _section(field.type)
        many = get_origin(field.type) is dict
        name = f"[{field.name}.<id>]" if many and inner else f"[{field.name}]"
        lines += [f"``{name}``", "~" * (len(name) + 4), ""]
        if inner is None:
            takes = _takes(field, (field.name,), live, quote="``")
            lines += [*_wrapped(_text(kind, field.name)), "", *_wrapped(takes), ""]
            continue
        key = (field.name, "<id>") if many else (field.name,)
        lines += [*_wrapped(f"{_text(inner)} {_section_reload(inner, key, live)}".rstrip()), ""]
        below = {one.name: section for one in msgspec.structs.fields(inner) if (section := _section(one.type))}
        fields = msgspec.structs.fields(inner)
        lines += _definitions(inner, [one for one in fields if one.name not in below], key, live)
        for one in fields:
            if one.name in below:
                lines += _reference_below(one, below[one.name], key, live)
    return lines


def _reference_below(field: Any, inner: type[msgspec.Struct], at: Key, live: tuple[Key, ...]) -> list[str]:
    """Sections within a section, such as a queue's steps."""
    key = (*at, field.name, "<n>")
    name = f"[{'.'.join(key)}]"
    words = wanted(get_args(field.type)[0])
    text = f"{_text(inner)} ``<n>``: {words}."
    return [
        f"``{name}``",
        "~" * (len(name) + 4),
        "",
        *_wrapped(text),
        "",
        *_definitions(inner, msgspec.structs.fields(inner), key, live),
    ]


def _definitions(kind: type[msgspec.Struct], fields: Any, at: Key, live: tuple[Key, ...]) -> Iterator[str]:
    for field in fields:
        yield f"``{field.name}``"
        text = f"{_text(kind, field.name)} {_takes(field, (*at, field.name), live, quote='``')}"
        yield from textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
        yield ""


# --- flows ------------------------------------------------------------------------------------------------------------


def flow_reference(paper: str) -> str:
    """As reference(), of a flow's file."""
    lines = [MARK, "", "The file", "--------", "", *_definitions(Flow, msgspec.structs.fields(Flow), (), ())]
    for tag, kind in nodes.KINDS.items():
        title = f'``kind = "{tag}"``'
        lines += [title, "~" * len(title), "", *_wrapped(_text(kind)), ""]
        lines += _definitions(kind, msgspec.structs.fields(kind), (), ())
        for field in msgspec.structs.fields(kind):
            if field.type == tuple[nodes.Case, ...]:
                lines += [
                    "Each of the cases:",
                    "",
                    *_definitions(nodes.Case, msgspec.structs.fields(nodes.Case), (), ()),
                ]
    lines += ["``[[tests]]``", "~~~~~~~~~~~~~", "", *_wrapped(_text(FlowTest)), ""]
    lines += _definitions(FlowTest, msgspec.structs.fields(FlowTest), (), ())
    return paper.partition(MARK)[0] + "\n".join(lines).rstrip() + "\n"


# --- what is known of a key -------------------------------------------------------------------------------------------


def _takes(field: Any, key: Key, live: tuple[Key, ...], *, quote: str = "") -> str:
    """What the key takes, its default, and whether it needs a restart where its section does not say so."""
    words = wanted(field.type)
    # quote: for a page in reStructuredText, where a star would begin an emphasis.
    words = words.replace("*", r"\*") if quote else words
    parts = [words[0].upper() + words[1:]]
    value = _default(field)
    if field.required:
        parts.append("no default")
    elif value is not None and value != {}:
        parts.append(f"default {quote}{toml_value(value)}{quote}")
    mixed = any(len(prefix) >= len(key) and same_place(prefix, key[:-1]) for prefix in live)
    if mixed and not is_live(key, live):
        parts.append("needs a restart")
    return "; ".join(parts) + "."


def _section_reload(kind: type[msgspec.Struct], key: Key, live: tuple[Key, ...]) -> str:
    """Said of a section none of whose keys a reload takes."""
    some = any(is_live((*key, field.name), live) for field in msgspec.structs.fields(kind))
    return "" if some else "A change needs a restart."


def _default(field: Any) -> Any:
    """None: there is none, or leaving the key out says the same."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _split(kind: type[msgspec.Struct]) -> tuple[list[Any], list[Any]]:
    """The fields that are values, and those that are tables, which come after them."""
    plain: list[Any] = []
    tables: list[Any] = []
    for field in msgspec.structs.fields(kind):
        if kind is Sections and field.name in FILES_OF_THEIR_OWN:
            continue
        is_table = get_origin(field.type) is dict or _section(field.type) is not None
        (tables if is_table else plain).append(field)
    return plain, tables


def _section(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a section, or each entry of a dict of sections, is read as."""
    if get_origin(kind) is dict:
        kind = get_args(kind)[1]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _texts() -> dict[tuple[str, str, str], str]:
    """(module, class, key) -> the text below the key; (module, class, "") -> that of the class. Python keeps no text of
    a key, so the source is read."""
    found: dict[tuple[str, str, str], str] = {}
    files = [Path(file) for folder in sections.__path__ for file in sorted(Path(folder).glob("*.py"))]
    files.append(Path(nodes.__file__))
    parsed = [(file.stem, ast.parse(file.read_text(encoding="utf-8"))) for file in files]
    for module, node in [(module, node) for module, tree in parsed for node in tree.body]:
        if not isinstance(node, ast.ClassDef):
            continue
        found[module, node.name, ""] = ast.get_docstring(node) or ""
        for key, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(text, ast.Expr):
                found[module, node.name, key.target.id] = str(ast.literal_eval(text.value))
    return {place: " ".join(text.split()) for place, text in found.items()}


_TEXTS = _texts()


def _text(kind: type[msgspec.Struct], key: str = "") -> str:
    for one in kind.__mro__:
        text = _TEXTS.get((one.__module__.rpartition(".")[2], one.__name__, key))
        if text:
            return text
    raise ValueError(f"sections: {kind.__name__}.{key} needs a text below it that says what it is for")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_on_hyphens=False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
