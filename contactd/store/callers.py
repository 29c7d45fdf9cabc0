"""Number and name of a contact at rest, in the spool and in contact_private: sealed where there is a key.

What is not sealed stands as the PBX showed it, and what a PBX shows is printable (pbx/caller_id.py): so MARK, which is
not, tells the two apart, also in rows and frames of a version that knew no seal. ``lookup`` is what finds a number.
"""

from __future__ import annotations

from collections.abc import Callable

from contactd.store.vault import Vault

MARK = "\x02"
FoundBy = Callable[[str], tuple[str, str]]
"""From a number as the PBX showed it to the kind and value that find it: those of a customer's identity, where it is a
number that may be one."""


def as_shown(ani: str) -> tuple[str, str]:
    """A FoundBy that knows no numbering."""
    return "ani", ani


def seal(vault: Vault, contact: str, field: str, text: str | None) -> str | None:
    """field: ani or name."""
    if text is None:
        return None
    if not vault.seals:
        return text.lstrip(MARK)
    return MARK + vault.seal(text, _about(contact, field))


def unseal(vault: Vault, contact: str, field: str, kept: str | None) -> str | None:
    """Raises NotOpened."""
    if kept is None or not kept.startswith(MARK):
        return kept
    return vault.open(kept[len(MARK) :], _about(contact, field))


def beginning(vault: Vault) -> str | None:
    """What every current value begins with; None: with anything but MARK."""
    return MARK + vault.prefix if vault.seals else None


def _about(contact: str, field: str) -> str:
    return f"{contact}/{field}"
