"""The one way onto the floor: a bounded queue with one taker."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, Instant
from contactd.core.inputs import Input
from contactd.core.step import Step
from contactd.core.text import Author, MessageId


class InboxFull(ContactdError):
    """Clicks and mail are refused first, hang-ups never."""

    def __init__(self) -> None:
        super().__init__("contactd has too much waiting to be done; nothing was changed. Try again in a second.")


@dataclass(frozen=True, slots=True)
class Private:
    """What is known of a person, beside the input and never in it."""

    contact: ContactId
    ani: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says, beside the input and never in it. at: when it began. body: store.transcripts.body_of()."""

    contact: ContactId
    message: MessageId
    at: Instant
    author: Author
    body: str


@dataclass(slots=True)
class Item:
    input: Input
    at: Instant
    private: Private | None = None
    done: asyncio.Future[Step] | None = None
    words: Words | None = None


class Inbox:
    """capacity: the number of items at which requests are refused. Facts are always taken: all of one read of a
    socket fit between two turns of the circle, so their number is bounded by the size of that read."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self.refused = 0

    def __len__(self) -> int:
        return len(self._items)

    def put_fact(self, item: Item) -> None:
        """Something happened; it cannot be refused."""
        self._items.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def put_request(self, item: Item) -> None:
        """Somebody wants something. Raises InboxFull."""
        if len(self._items) >= self._capacity:
            self.refused += 1
            raise InboxFull
        self.put_fact(item)

    async def take(self) -> list[Item]:
        """Everything waiting, at least one item, in order of arrival. One taker only."""
        while not self._items:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        batch = list(self._items)
        self._items.clear()
        return batch
