"""Which column is what of a customer, and one row against what is declared: an entry, or every reason why not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contactd.config import CustomerField
from contactd.core.ids import Instant
from contactd.services.crm.fields import FieldRefused, checked, edit_of
from contactd.services.crm.identity import IdentityKind, NoIdentity, Numbering, identity
from contactd.services.crm.importing.lines import UNREADABLE, FileRefused
from contactd.services.crm.importing.rows import Row
from contactd.services.spreadsheet import original
from contactd.store.party_changes import PURPOSES, Edit
from contactd.store.party_import import Answer

_PLAIN = ("name", "kind", "language", "medium", "vip", "note", "phone", "mail", "ignore")
_YES = {"yes": True, "true": True, "1": True, "given": True, "no": False, "false": False, "0": False, "refused": False}
_MOST_NOTE = 10_000
_MOST_CELLS = 100
OF_A_CARD = {
    "FN": "name",
    "TEL": "phone",
    "EMAIL": "mail",
    "LANG": "language",
    "KIND": "kind",
    "NOTE": "note",
}
"""What the properties of a vCard are, unless somebody says otherwise."""
_KINDS = {"individual": "person", "org": "organisation"}


@dataclass(frozen=True, slots=True)
class Target:
    """what: field's id, purpose, network or system."""

    kind: str
    what: str = ""


_IGNORED = Target("ignore")


@dataclass(slots=True)
class Entry:
    """One row, checked."""

    line: int
    edit: Edit = field(repr=False)
    answers: list[Answer] = field(repr=False)
    notes: list[str] = field(repr=False)
    lookups: list[bytes] = field(default_factory=list, repr=False)
    """By what each of the edit's identities is found, under the current key."""

    def __reduce__(self) -> tuple[object, ...]:
        # From one process to the other: what a dataclass does by itself takes several times as long.
        edit = self.edit
        told = (self.line, edit.kind, edit.language, edit.medium, edit.vip, edit.fields, edit.identities)
        return _entry_of, (*told, self.answers, self.notes, self.lookups)


def _entry_of(
    line: int,
    kind: str | None,
    language: str | None,
    medium: str | None,
    vip: bool | None,
    fields: Mapping[str, tuple[str | None, str | None]],
    identities: Sequence[tuple[str, str]],
    answers: list[Answer],
    notes: list[str],
    lookups: list[bytes],
) -> Entry:
    return Entry(line, Edit(kind, language, medium, vip, fields, identities), answers, notes, lookups)


@dataclass(frozen=True, slots=True)
class Refusal:
    """faults: (column, sentence), without a value of the row."""

    line: int
    faults: Sequence[tuple[str, str]]


class _Gathered:
    """The cells of one row."""

    __slots__ = ("_dates", "_declared", "_given", "_names", "_notes", "_numbering", "_plain", "_values", "identities")

    def __init__(self, declared: Mapping[str, CustomerField], numbering: Numbering) -> None:
        self._declared = declared
        self._numbering = numbering
        self._names: list[str] = []
        self._plain: dict[str, str] = {}
        self._values: dict[str, tuple[str | None, str | None]] = {}
        self._given: dict[str, bool] = {}
        self._dates: dict[str, Instant] = {}
        self._notes: list[str] = []
        self.identities: dict[tuple[str, str], None] = {}

    def take(self, target: Target, text: str) -> None:
        """Raises FieldRefused, NoIdentity."""
        if UNREADABLE in text:
            raise FieldRefused("A letter could not be read: is the encoding right? Else mend it in the file.")
        match target.kind:
            case "name":
                self._names.append(text)
            case "note":
                self._notes.append(_note(text))
            case "field":
                self._values[target.what] = (checked(target.what, self._declared[target.what], text), None)
            case "consent":
                self._given[target.what] = _yes(text)
            case "consent_at":
                self._dates[target.what] = _date(text)
            case "kind" | "language" | "medium" | "vip":
                self._plain[target.kind] = _plain(target.kind, text)
            case kind:
                text = f"{target.what}:{text}" if target.what else text
                one = identity(IdentityKind(kind), text, self._numbering)
                self.identities[(kind, one.value)] = None

    def entry(self, line: int) -> Entry:
        """Raises FieldRefused."""
        plain = self._plain
        edit = edit_of(
            {},
            self._numbering,
            name=" ".join(self._names) if self._names else None,
            kind=plain.get("kind"),
            language=plain.get("language"),
            medium=plain.get("medium"),
            vip=plain["vip"] == "yes" if "vip" in plain else None,
        )
        fields = {**edit.fields, **self._values}
        edit = Edit(edit.kind, edit.language, edit.medium, edit.vip, fields, list(self.identities))
        answers = [Answer(purpose, given, self._dates.get(purpose)) for purpose, given in self._given.items()]
        return Entry(line, edit, answers, self._notes)


class Columns:
    """named: column -> target's name, as somebody wrote it. known: targets for columns that nobody named.

    Raises FileRefused for what is no target.
    """

    def __init__(
        self,
        named: Mapping[str, str],
        declared: Mapping[str, CustomerField],
        numbering: Numbering,
        *,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._declared = declared
        self._numbering = numbering
        self._targets: dict[str, Target] = {}
        for column, text in {**(known or {}), **named}.items():
            self._targets[column.casefold()] = self._target(column, text)
        self._seen: dict[str, Target] = {}
        self._named = {column.casefold(): column for column in named}

    def fit(self, columns: Sequence[str]) -> None:
        """Every column of a heading leads somewhere, and every one that was named is there. Raises FileRefused."""
        missing = [name for key, name in self._named.items() if key not in {one.casefold() for one in columns}]
        if missing:
            raise FileRefused(
                f"The file has no column {', '.join(missing)}; it has {', '.join(columns)}. Is the delimiter right?"
            )
        lost = []
        for column in columns:
            if column.casefold() in self._targets:
                continue
            try:
                self._targets[column.casefold()] = self._target(column, column.casefold())
            except FileRefused:
                lost.append(column)
        if lost:
            raise FileRefused(
                f"Nobody says what {', '.join(lost)} is: give --map '{lost[0]}=TARGET' for each, with the TARGET ignore"
                f" where it is not wanted. Targets: {self._known()}."
            )
        kinds = {self._targets[column.casefold()].kind for column in columns}
        if not kinds & {str(kind) for kind in IdentityKind}:
            raise FileRefused("No column names a customer by a number, an address or an id: map one, see --help.")

    def described(self) -> str:
        """For telling two imports of one file apart."""
        return ";".join(f"{key}={one.kind}:{one.what}" for key, one in sorted(self._targets.items()))

    def entry(self, row: Row) -> Entry | Refusal:
        """row: one that could be read."""
        into = _Gathered(self._declared, self._numbering)
        faults: list[tuple[str, str]] = []
        for column, cell in row.cells[:_MOST_CELLS]:
            try:
                target = self._seen[column]
            except KeyError:
                target = self._seen[column] = self._targets.get(column.casefold(), _IGNORED)
            text = original(cell.strip())
            if target is _IGNORED or not text:
                continue
            try:
                into.take(target, text)
            except (FieldRefused, NoIdentity) as refused:
                faults.append((column, str(refused)))
        if len(row.cells) > _MOST_CELLS:
            faults.append(("", f"It has more than {_MOST_CELLS} values: take out what is no customer's."))
        if not into.identities and not faults:
            text = "It has no number, address or id by which the customer would be found again: give one."
            faults.append(("", text))
        if not faults:
            try:
                return into.entry(row.line)
            except FieldRefused as refused:
                faults.append(("", str(refused)))
        return Refusal(row.line, faults)

    def _target(self, column: str, text: str) -> Target:
        text = text.strip()
        kind, _, what = text.partition(":")
        if text == "ignore":
            return _IGNORED
        if text in _PLAIN:
            return Target(text)
        if text in self._declared:
            return Target("field", text)
        if kind == "field" and what in self._declared:
            return Target("field", what)
        if kind in ("chat", "external") and what.isascii() and what.replace("-", "").replace("_", "").isalnum():
            return Target(kind, what.lower())
        if kind == "consent":
            purpose, _, at = what.partition(":")
            if purpose in PURPOSES and at in ("", "at"):
                return Target("consent_at" if at else "consent", purpose)
        raise FileRefused(f"{text} is nothing that column {column} could be. Targets: {self._known()}.")

    def _known(self) -> str:
        fields = [f"field:{name}" for name in self._declared]
        consents = [f"consent:{purpose}[:at]" for purpose in PURPOSES]
        return ", ".join([*_PLAIN, "chat:<network>", "external:<system>", *fields, *consents])


def named_columns(words: Sequence[str]) -> dict[str, str]:
    """What --map says: files of TOML with a table [columns], or COLUMN=TARGET. Raises FileRefused."""
    named: dict[str, str] = {}
    for word in words:
        column, equals, target = word.rpartition("=")
        if equals and not Path(word).is_file():
            named[column.strip()] = target.strip()
            continue
        try:
            table = tomllib.loads(Path(word).read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise FileRefused(
                f"--map takes COLUMN=TARGET or a file; {word} cannot be read ({error.strerror})."
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FileRefused(f"{word} is no TOML ({error}): mend that line.") from None
        columns = table.pop("columns", None)
        if table or not isinstance(columns, dict) or not all(isinstance(one, str) for one in columns.values()):
            raise FileRefused(f'{word} must have one table [columns], with lines such as "Telefon" = "phone".')
        named |= columns
    return named


def _plain(kind: str, text: str) -> str:
    match kind:
        case "vip":
            return "yes" if _yes(text) else "no"
        case "kind":
            text = _KINDS.get(text.lower(), text.lower())
            if text not in ("person", "organisation"):
                raise FieldRefused("Give person or organisation.")
            return text
        case "language":
            return text.replace("-", "_")
        case _:
            return text.lower()


def _yes(text: str) -> bool:
    try:
        return _YES[text.lower()]
    except KeyError:
        raise FieldRefused("Give yes or no (or true, false, 1, 0, given, refused).") from None


def _date(text: str) -> Instant:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise FieldRefused("Give the date as 2026-12-31, or with a time as 2026-12-31T14:30.") from None


def _note(text: str) -> str:
    if len(text) > _MOST_NOTE or not all(part.isprintable() for part in text.replace("\t", " ").splitlines()):
        raise FieldRefused(f"A note has up to {_MOST_NOTE} printable characters.")
    return text
