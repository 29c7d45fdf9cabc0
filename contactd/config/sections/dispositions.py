"""What agents say came of a contact."""

from __future__ import annotations

from msgspec import Struct

from contactd.config.sections import words


class Disposition(Struct, frozen=True, kw_only=True):
    """One section for each thing that agents say came of a contact, at the desk, in talk or wrap-up. The name is the
    disposition as facts and reports have it; take none away that was used, but give it no queue."""

    label: words.Label = ""
    """The name for people. Empty: the id."""
    queues: tuple[words.Queue, ...] = ()
    """Only after contacts of these queues. Empty: after all."""
