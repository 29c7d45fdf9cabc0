"""vCard 2.1, 3.0 and 4.0, many in one file. Each card is cut out here and read by vobject: a broken one costs itself.

A card's property is a column by its name in capitals: FN, TEL, EMAIL, X-CUSTOMER. Pictures and keys are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contactd.services.crm.importing.lines import Line
from contactd.services.crm.importing.rows import Row

_MOST_CHARACTERS = 1 << 16
_BULKY = re.compile(r"(?:[A-Za-z0-9-]+\.)?(PHOTO|LOGO|SOUND|KEY)[;:]", re.IGNORECASE)
_OF_ITSELF = {"VERSION", "BEGIN", "END", "PRODID", "REV"}


def cards(lines: Iterator[Line]) -> Iterator[Row]:
    """One row a card."""
    start, held, characters, bulky, error = 0, [""], 0, False, ""
    for line in lines:
        text = line.text if line.text is not None else ""
        mark = text.strip().upper()
        if mark == "BEGIN:VCARD":
            if start > 0:
                yield Row(start, error="The card does not end: END:VCARD is missing.")
            start, held, characters, bulky, error = line.number, [text], 0, False, ""
            continue
        if not start:
            if mark and mark != "\ufeff":
                yield Row(line.number, error="This line is in no card: one begins with BEGIN:VCARD.")
                # Told once: whatever follows up to the next card is of the same kind.
                start, held, error = -1, [], "-"
            continue
        if start == -1:
            continue
        if mark == "END:VCARD":
            held.append(text)
            yield Row(start, error=error) if error else _card(start, "".join(held))
            start = 0
            continue
        bulky = bool(_BULKY.match(text)) or (bulky and text[:1] in (" ", "\t"))
        if bulky:
            continue
        characters += len(text)
        if line.text is None or characters > _MOST_CHARACTERS:
            error = "The card is too long, even without its pictures: take out what is no customer's."
            held.clear()
        elif not error:
            held.append(text)
    if start > 0:
        yield Row(start, error="The card does not end: END:VCARD is missing.")


def _card(line: int, text: str) -> Row:
    # Imported here: its own imports take a while, and few files are cards.
    import vobject  # noqa: PLC0415

    try:
        found = list(vobject.readComponents(text, allowQP=True))
    except Exception:
        # Of any class, and with what it could not read in its words.
        return Row(
            line, error="The card cannot be read: a line in it is no NAME:value, or its encoding is not what it says."
        )
    if len(found) != 1:
        return Row(line, error="The card cannot be read: it is several in one.")
    cells: list[tuple[str, str]] = []
    try:
        for one in found[0].lines():
            if one.name not in _OF_ITSELF:
                cells += [(one.name, value) for value in _values(one)]
    except (AttributeError, TypeError, ValueError):
        return Row(line, error="The card cannot be read: a property has a value of another kind.")
    names = dict(cells)
    if "FN" not in names and names.get("N"):
        cells.append(("FN", names["N"]))
    return Row(line, cells)


def _values(one: Any) -> list[str]:
    value = one.value
    match one.name:
        case "N":
            parts = [value.prefix, value.given, value.additional, value.family, value.suffix]
            return [" ".join(" ".join(part) if isinstance(part, list) else part for part in parts if part)]
        case "ORG" if isinstance(value, list):
            return [", ".join(part for part in value if part)]
        case "TEL":
            return [re.sub(r"(?i)^tel:", "", str(value)).split(";")[0]]
        case "EMAIL":
            return [re.sub(r"(?i)^mailto:", "", str(value))]
        case _ if isinstance(value, str):
            return [value]
        case _:
            # Addresses and the like, which we keep no field for.
            return [" ".join(str(value).split())]
