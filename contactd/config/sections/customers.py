"""Who is calling."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.config.sections import words

_Language = Annotated[
    str,
    Meta(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?\Z", description='a language as Asterisk names it, such as "de" or "en_GB"'),
]
_Field = Annotated[
    str,
    Meta(
        pattern=r"^(?!name\Z)[a-z][a-z0-9_]{0,31}\Z",
        description='a field\'s id: a small letter, then up to 31 small letters, digits or _; not "name"',
    ),
]


class CustomerField(Struct, frozen=True, kw_only=True):
    """What you keep of a customer beyond name, numbers and addresses, or of a case beyond its subject. It is private:
    sealed, read through the audit."""

    type: Literal["text", "number", "date", "yes_no", "choice"] = "text"
    """What it takes. A date is written 2026-12-31."""
    label: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,64}\Z", description="a line of at most 64 characters")] = ""
    """The name for people. Empty: the id."""
    choices: tuple[
        Annotated[str, Meta(min_length=1, max_length=64, description="a word of up to 64 characters")], ...
    ] = ()
    """What a ``choice`` may be."""


class Customers(Struct, frozen=True, kw_only=True):
    """Who is calling: the customer's record, found by the caller's number (docs/customers.rst)."""

    recognise: bool = True
    """Whether callers are looked up."""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?\Z", description='an ISO 3166 code such as "DE", or ""')] = ""
    """Where you are: whose numbers are written without a country. Empty: only numbers with + are understood."""
    bare_numbers: Literal["national", "international"] = "national"
    """What your trunk means by a number that begins neither with + nor with 0: one of ``country``, or one whose + is
    missing (4930...)."""
    match_ms: Annotated[int, Meta(ge=1, le=2000, description="milliseconds, 1 to 2000")] = 50
    """How long a call may wait for it, before the menu begins. What is found later is told while the caller waits."""
    light_records: bool = True
    """An unknown number becomes a record of its own, with nothing else in it, so that the next call is known to be the
    same caller's."""
    sticky_days: Annotated[int, Meta(ge=0, le=3650, description="days, 0 to 3650")] = 0
    """Who last handled the customer in a queue, within so many days, is preferred there for the queue's ``sticky_s``.
    0: nobody is."""
    vip_boost_s: words.Boost = 0
    """A VIP is ranked as if the wait had begun so much earlier."""
    prompt_languages: tuple[_Language, ...] = ()
    """Languages in which your PBX has the sounds of all menus. A customer who speaks one of them hears it
    (``CHANNEL(language)``); one of de_AT hears de, where there is no de_AT."""
    vip_skills: dict[words.Skill, words.Level] = {}
    """Skill = the least level for VIPs."""
    languages: dict[_Language, dict[words.Skill, words.Level]] = {}
    """Language = the skills that its speakers need, such as { german = 5 }; de_AT is de, where it is not there
    itself."""
    fields: dict[_Field, CustomerField] = {}


class CustomerSecrets(Struct, frozen=True, kw_only=True):
    """With what customers' values, and number and name of each caller, are sealed (docs/customers.rst). Keep a copy
    where no fire reaches it: without the key they are lost."""

    key: words.SealingKey | None = None
    """The key. Left out: they are kept as they are, and whoever reads the tables or a backup of them reads them."""
    old_keys: tuple[words.SealingKey, ...] = ()
    """Keys of before, until ``contactd migrate`` has sealed all values with the new one."""
