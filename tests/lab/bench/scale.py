"""How much of everything: the full run, and the quick one that only proves that the bench works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Times in ms or s, rates in calls a second. Every loop of the bench is bounded by one of these."""

    agents: int = 400
    rtp_ports: int = 2_000
    """For each of Asterisk, callers and handsets; a leg takes two of them."""
    journal_events: int = 1_000_000
    # --- a usual call
    prompt_ms: int = 2_000
    hold_ms: int = 2_000
    talk_ms: int = 10_000
    # --- CPU a call
    cpu_rate: float = 4
    cpu_s: float = 40
    # --- the highest rate
    first_rate: float = 4
    step_s: float = 20
    search_s: float = 360
    finest: float = 1.05
    # --- from the key to the agent's INVITE
    offers: int = 300
    offer_rate: float = 5
    copy_mb: int = 200
    # --- from an agent's hang-up to the next INVITE
    few: int = 4
    waiting: int = 40
    freed: int = 100
    freed_talk_ms: int = 1_000
    """On average: see calls.agents."""
    freed_rate: float = 10
    arriving: int = 90
    """Callers who are served while the rest of them still arrive."""
    # --- waiting with announcements
    announced: int = 200
    announced_s: float = 60
    # --- restart
    restart_waiting: int = 100
    # --- micro
    micro_calls: int = 20_000
    micro_events: int = 100_000


QUICK = Scale(
    agents=20,
    rtp_ports=300,
    journal_events=20_000,
    prompt_ms=300,
    hold_ms=200,
    talk_ms=1_000,
    cpu_rate=4,
    cpu_s=2.5,
    first_rate=2,
    step_s=2,
    search_s=3,
    offers=10,
    offer_rate=10,
    copy_mb=20,
    waiting=5,
    freed=8,
    arriving=15,
    announced=10,
    announced_s=8,
    restart_waiting=10,
    micro_calls=500,
    micro_events=2_000,
)
