"""What was written in a contact, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contactd.config import customers_access
from contactd.core.text import Author
from contactd.ctl.durations import local
from contactd.ctl.store import NotFound, database, one_contact
from contactd.ctl.words import safe
from contactd.services.crm.recogniser import vault_with
from contactd.store import transcripts
from contactd.store.audit import Who
from contactd.store.transcripts import Message

_UNSURE = 50
_PAUSE_S = 10.0
"""Between pieces of one side's that are shown as one line."""
_SIDE = {Author.CALLER: "caller", Author.AGENT: "agent", Author.SYSTEM: "centre", Author.NOTE: "note"}


async def transcript(config: Path, text: str) -> Sequence[Message]:
    """Raises NotFound, NotOpened, StoreAway, StoreRefused, ConfigErrors."""
    vault = vault_with(customers_access(config)[1])
    async with database(config, writes=True) as connection:
        contact = await one_contact(connection, config, text)
        found = await transcripts.reveal(connection, vault, Who.me(), "contactctl transcript", contact)
    if not found:
        raise NotFound(f"Nothing is kept of what was written in {contact}: nothing was, or it was erased.")
    return found


def as_text(told: Sequence[Message], *, unsure: bool = False) -> str:
    """A line for each side's turn."""
    return "\n".join(f"{local(at):%H:%M:%S}  {_SIDE[author]:6}  {text}" for at, author, text in _turns(told, unsure))


def _turns(told: Sequence[Message], unsure: bool) -> Iterator[tuple[float, Author, str]]:
    began = last = 0.0
    author: Author | None = None
    text = ""
    for one in told:
        words = _marked(one) if unsure else one.written.text
        if author is not None and (one.author is not author or one.at - last > _PAUSE_S or text.endswith("\n")):
            yield began, author, safe(" ".join(text.split()))
            text = ""
        if not text:
            began = one.at
        author, text, last = one.author, text + words, one.at + max(one.written.at_ms, default=0) / 1000
    if author is not None:
        yield began, author, safe(" ".join(text.split()))


def _marked(one: Message) -> str:
    written = one.written
    if len(written.sure) != len(written.text):
        return written.text
    return "".join(
        "?" if sure < _UNSURE and not letter.isspace() else letter
        for letter, sure in zip(written.text, written.sure, strict=True)
    )


def as_json(told: Sequence[Message]) -> list[dict[str, Any]]:
    return [
        {
            "message": one.message,
            "at": datetime.fromtimestamp(one.at, UTC).isoformat(),
            "author": one.author,
            "text": one.written.text,
            "at_ms": list(one.written.at_ms),
            "sure": list(one.written.sure),
        }
        for one in told
    ]
