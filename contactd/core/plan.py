"""What the configuration tells the floor: queues and agents, without secrets or personal values."""

from __future__ import annotations

import msgspec

from contactd.core.ids import AgentId, PbxId, QueueId


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue's contacts are offered."""

    id: QueueId
    ring_s: int = 20
    """How long a handset rings before the offer counts as RONA."""
    wrap_up_s: int = 30
    """After-contact work; 0 makes the agent available at once."""


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Who may be offered what, and on which handset."""

    id: AgentId
    pbx: PbxId
    endpoint: str
    """The PJSIP endpoint of the handset, ``1001`` for PJSIP/1001."""
    queues: tuple[QueueId, ...]


class FloorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the configuration that decisions read; sha256 names the whole of it."""

    sha256: str
    queues: tuple[QueuePlan, ...]
    agents: tuple[AgentProfile, ...]
    default_queue: QueueId
    """Where a caller waits whose choice is unknown: the menu broke off, or the dialplan names no queue."""
    pin_tries: int = 3
    pin_lock_s: int = 300
