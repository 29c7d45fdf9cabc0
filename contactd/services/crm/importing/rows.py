"""What a reader of a file gives: rows of cells under the names of their columns, or why one could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Row:
    """line: where it begins. cells: (column, text), a column perhaps twice. error: a sentence without values."""

    line: int
    cells: Sequence[tuple[str, str]] = field(default=(), repr=False)
    error: str = ""
