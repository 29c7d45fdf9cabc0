"""Formulas of key figures, each once. What they count is in sql/reports/."""

from __future__ import annotations


def first_contact_resolution(counted: int, again: int) -> float | None:
    """Share of contacts with no further contact by that customer on that topic within 7 days.

    counted: contacts of known customers whose days are over; again: of these, those with a further contact.
    None: nothing was counted.

    >>> first_contact_resolution(200, 50), first_contact_resolution(0, 0)
    (0.75, None)
    """
    if not 0 <= again <= counted:
        raise ValueError(f"{again} of {counted}")
    return (counted - again) / counted if counted else None
