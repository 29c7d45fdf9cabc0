"""What an admin writes of a customer, against what the configuration declares: an edit, or a sentence why not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from contactd.config import CustomerField
from contactd.core.errors import ContactdError
from contactd.services.crm.identity import Numbering, parse
from contactd.store.parties import NAME, same_name
from contactd.store.party_changes import Edit

MEDIA = ("voice", "tty", "mail", "chat", "sms", "none")
"""What somebody may rather be reached by; none: not to be called or written to."""
_LANGUAGE = re.compile(r"([a-z]{2,3}(_[A-Z]{2})?)?")
_LONGEST = 1000
_LONGEST_NAME = 200


class FieldRefused(ContactdError):
    """A value that the field does not take."""


def edit_of(
    declared: Mapping[str, CustomerField],
    numbering: Numbering,
    *,
    name: str | None = None,
    kind: str | None = None,
    language: str | None = None,
    medium: str | None = None,
    vip: bool | None = None,
    identities: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    drop: Sequence[int] = (),
) -> Edit:
    """An empty text clears a name, a language, a medium or a field. Raises FieldRefused, NoIdentity."""
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise FieldRefused('Give the language as Asterisk names it, such as de or en_GB; "" clears it.')
    if medium not in (None, "", *MEDIA):
        raise FieldRefused(f'Give one of {", ".join(MEDIA)} as the medium; "" clears it.')
    fields: dict[str, tuple[str | None, str | None]] = {}
    if name is not None:
        text = one_line(name, _LONGEST_NAME, "A name")
        fields[NAME] = (text or None, same_name(text) if text else None)
    for field, value in (values or {}).items():
        section = declared.get(field)
        if section is None:
            known = ", ".join(declared) or "none: declare it as [customers.fields.<id>]"
            raise FieldRefused(f"There is no field {field}; known: {known}.")
        fields[field] = (checked(field, section, value) or None, None)
    found = [parse(text, numbering) for text in identities]
    return Edit(kind, language, medium, vip, fields, [(one.kind, one.value) for one in found], tuple(drop))


def checked(name: str, field: CustomerField, text: str) -> str:
    """The value as it is kept; empty stays empty. Raises FieldRefused."""
    text = one_line(text, _LONGEST, f"The field {name}")
    if not text:
        return ""
    match field.type:
        case "number":
            try:
                number = Decimal(text)
            except InvalidOperation:
                number = Decimal("NaN")
            if not number.is_finite():
                raise FieldRefused(f"The field {name} takes a number, such as 12 or -3.5.")
        case "date":
            try:
                date.fromisoformat(text)
            except ValueError:
                raise FieldRefused(f"The field {name} takes a date, such as 2026-12-31.") from None
        case "yes_no" if text not in ("yes", "no"):
            raise FieldRefused(f"The field {name} takes yes or no.")
        case "choice" if text not in field.choices:
            raise FieldRefused(f"The field {name} takes one of {', '.join(field.choices)}.")
        case _:
            pass
    return text


def one_line(text: str, longest: int, what: str) -> str:
    """Without the spaces around it. Raises FieldRefused."""
    text = text.strip()
    if len(text) > longest or not text.isprintable():
        raise FieldRefused(f"{what} takes one line of up to {longest} printable characters.")
    return text
