"""Calls whose words are text, and messages: values. core/messages.py decides. docs/tty.rst."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

MessageId = NewType("MessageId", str)
"""Made outside, where the words are: in the order of time within a contact."""


class Carrier(StrEnum):
    """What brings the text."""

    TTY = "tty"
    """Baudot tones in the call's audio."""


class FoundBy(StrEnum):
    """How it came out that a call is one of text."""

    NUMBER = "number"
    """The number that was dialled is for text."""
    KEY = "key"
    RECORD = "record"
    TONES = "tones"


class Author(StrEnum):
    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"
    """contactd itself: greetings, menus, announcements."""
    NOTE = "note"
    """The agent, about the contact and not to the customer."""
