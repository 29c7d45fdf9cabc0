"""A supervisor at a talk: in which mode, and how it ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.ids import AgentId, ContactId, Instant, ListeningId, PbxId


class Mode(StrEnum):
    """Whom the supervisor is heard by; the supervisor hears both, but for SILENT."""

    LISTEN = "listen"
    """By nobody."""
    WHISPER = "whisper"
    """By the agent."""
    BARGE = "barge"
    """By both."""
    SILENT = "silent"
    """Neither hears nor is heard: the recording is paused. It goes on in the mode of before."""


class ListeningEnd(StrEnum):
    """Why a listening ended."""

    TALK = "talk"
    """The talk was over, or the agent left it."""
    SUPERVISOR = "supervisor"
    """The supervisor hung up, or was told to stop."""
    TAKEN_OVER = "taken_over"
    """The supervisor has the caller now."""
    UNSEEN = "unseen"
    """A comparison found it gone."""


class Listening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Known from the moment in which the PBX has begun it."""

    id: ListeningId
    pbx: PbxId
    contact: ContactId
    agent: AgentId
    """Who is listened to."""
    supervisor: AgentId
    channel: str
    """The supervisor's, by which the PBX is told what to do with it."""
    mode: Mode
    since: Instant
    taking_at: Instant | None = None
    """When the supervisor asked for the caller; None: never."""


class ListeningSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One as the PBX has it."""

    id: ListeningId
    pbx: PbxId
    contact: ContactId
    agent: AgentId
    supervisor: AgentId
    channel: str
    mode: Mode
