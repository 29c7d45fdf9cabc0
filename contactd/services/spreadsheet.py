"""CSV that a person opens with a spreadsheet, which would run a cell that begins like a formula."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def neutral(cell: str) -> str:
    """As a spreadsheet takes it for text (OWASP, CSV injection): an apostrophe in front, which it does not show.

    >>> [neutral(cell) for cell in ("Anna", "=1+1", "+4930")]
    ['Anna', "'=1+1", "'+4930"]
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def original(cell: str) -> str:
    """What neutral(), or another careful program, made text of.

    >>> [original(cell) for cell in ("Anna", "'=1+1", "'t Hart")]
    ['Anna', '=1+1', "'t Hart"]
    """
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell
