"""What names a person: numbers, addresses, handles, ids of other systems; each in one spelling, or refused.

What a caller's telephone sends is hostile: a short extension, "anonymous", a SIP user or garbage is no identity.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from contactd.core.errors import ContactdError

_LONGEST_NUMBER = 40
_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015]+")
_DIGITS = re.compile(r"\+?[0-9]{5,17}")
_FEWEST_DIGITS = 7
_MAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")
_HANDLE = re.compile(r"[a-z][a-z0-9_-]{0,31}:[^\s\x00-\x1f\x7f]{1,200}")


class IdentityKind(StrEnum):
    PHONE = "phone"
    MAIL = "mail"
    CHAT = "chat"
    """``network:handle``."""
    EXTERNAL = "external"
    """``system:id``: the party's id in another system."""


_KINDS = frozenset(IdentityKind)


class NoIdentity(ContactdError):
    """A text that names nobody."""


@dataclass(frozen=True, slots=True)
class Identity:
    """value: in its one spelling. repr hides it."""

    kind: IdentityKind
    value: str

    def __repr__(self) -> str:
        return f"Identity({self.kind}, ...)"


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a number without + or 00 is to be read. country: ISO 3166, empty: it cannot be.

    bare_international: it is an international one whose + is missing, as many trunks send it.
    """

    country: str = ""
    bare_international: bool = False


@lru_cache(maxsize=50_000)
def e164(text: str, numbering: Numbering) -> str | None:
    """A telephone number in E.164, or None for what is none. A parse takes 13 us: remembered, since callers call again.

    >>> e164("030 1234567", Numbering("DE")), e164("0049 30 1234567", Numbering("DE"))
    ('+49301234567', '+49301234567')
    >>> e164("49301234567", Numbering(bare_international=True)), e164("030 1234567", Numbering())
    ('+49301234567', None)
    >>> [e164(text, Numbering("DE")) for text in ("1001", "112", "anonymous", "alice", "+", "")]
    [None, None, None, None, None, None]
    """
    if len(text) > _LONGEST_NUMBER or not text.isascii():
        return None
    digits = _SEPARATORS.sub("", text)
    if not _DIGITS.fullmatch(digits):
        return None
    if numbering.bare_international and digits[0] not in "+0":
        digits = f"+{digits}"
    try:
        parsed = phonenumbers.parse(digits, numbering.country or None)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        # New ranges are older than our tables of them. Whoever wrote the country too means a whole number.
        whole = digits[0] == "+" or digits.startswith("00")
        long_enough = len(str(parsed.national_number)) >= _FEWEST_DIGITS
        possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
        if not (whole and long_enough and possible):
            return None
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def spellings(number: str, numbering: Numbering) -> list[str]:
    """The ways in which a PBX may have shown an E.164 number.

    >>> spellings("+49301234567", Numbering("DE"))
    ['+49301234567', '49301234567', '0049301234567', '0301234567']
    """
    found = [number, number[1:], f"00{number[1:]}"]
    if numbering.country:
        parsed = phonenumbers.parse(number, None)
        if parsed.country_code == phonenumbers.country_code_for_region(numbering.country):
            found.append(_SEPARATORS.sub("", phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)))
    return list(dict.fromkeys(found))


def caller(ani: str | None, numbering: Numbering) -> Identity | None:
    """Who the PBX says is calling; None when that names nobody."""
    number = e164(ani, numbering) if ani else None
    return Identity(IdentityKind.PHONE, number) if number is not None else None


def parse(text: str, numbering: Numbering) -> Identity:
    """What an admin writes: ``phone:+4930...``, ``mail:a@b.example``, ``chat:network:handle``, ``external:system:id``.

    A number or an address may stand without its kind. Raises NoIdentity.

    >>> parse("mail:Anna@Example.org", Numbering()).value
    'anna@example.org'
    >>> parse("anna@example.org", Numbering()).kind, parse("+49 30 1234567", Numbering()).kind
    (<IdentityKind.MAIL: 'mail'>, <IdentityKind.PHONE: 'phone'>)
    """
    text = unicodedata.normalize("NFC", text).strip()
    kind, colon, value = text.partition(":")
    if not colon or kind not in _KINDS:
        kind, value = ("mail", text) if "@" in text else ("phone", text)
    return identity(IdentityKind(kind), value, numbering)


def identity(kind: IdentityKind, text: str, numbering: Numbering) -> Identity:
    """Of a text whose kind is known. Raises NoIdentity."""
    value = unicodedata.normalize("NFC", text).strip()
    match kind:
        case IdentityKind.PHONE:
            number = e164(value, numbering)
            if number is None:
                raise NoIdentity(
                    "This is no telephone number: give it with its country (+49...), or set country in [customers]."
                )
            return Identity(IdentityKind.PHONE, number)
        case IdentityKind.MAIL:
            if not _MAIL.fullmatch(value):
                raise NoIdentity("This is no mail address: give one such as anna@example.org.")
            return Identity(IdentityKind.MAIL, value.casefold())
        case other:
            if not _HANDLE.fullmatch(value):
                what = "network:handle" if other is IdentityKind.CHAT else "system:id"
                raise NoIdentity(f"This is no {other} identity: give {other}:{what}, without spaces.")
            return Identity(other, value)
