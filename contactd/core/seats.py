"""Who sits at which handset: whoever is signed in there, whoever it belongs to.

Made anew for each plan, and kept true as agents move. To whom the calls of a handset belong is found without looking at
everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from contactd.core.agent import Agent, Status
from contactd.core.ids import AgentId, PbxId
from contactd.core.plan import AgentProfile

_Handset = tuple[PbxId, str]
_by_id = attrgetter("id")


class Seats:
    """profiles: the plan's. agents: those on the floor, some of whom may have left the plan in the middle of a talk."""

    def __init__(self, profiles: Iterable[AgentProfile], agents: Iterable[Agent]) -> None:
        profiles = tuple(profiles)
        self.by_endpoint: dict[_Handset, Agent] = {}
        """Who sits at a handset: who is signed in there, else whose it is."""
        self.owners: dict[_Handset, AgentId] = {
            (profile.pbx, profile.endpoint): profile.id for profile in profiles if profile.endpoint
        }
        self.doubled: set[_Handset] = set()
        """Handsets of several: an owner, and who sits there."""
        self._planned = {profile.id for profile in profiles}
        self._here: dict[_Handset, list[Agent]] = {}
        for agent in agents:
            self.take(agent)

    def at(self, pbx: PbxId, endpoint: str) -> list[Agent]:
        """Whose handset it is, and who is signed in there; by id."""
        here = self._here.get((pbx, endpoint), [])
        return sorted(here, key=_by_id) if len(here) > 1 else here

    def take(self, agent: Agent) -> None:
        """agent sits at their endpoint now."""
        if agent.endpoint:
            key = (agent.profile.pbx, agent.endpoint)
            self._here.setdefault(key, []).append(agent)
            self._seat(key)

    def leave(self, agent: Agent) -> None:
        """To be said before agent's endpoint changes."""
        key = (agent.profile.pbx, agent.endpoint)
        if key in self._here:
            self._here[key] = [one for one in self._here[key] if one is not agent]
            self._seat(key)

    def see(self, agent: Agent) -> None:
        """What agent does, or status, may have changed: the handset of several may be another's now."""
        key = (agent.profile.pbx, agent.endpoint)
        if key in self.doubled:
            self._seat(key)

    def _seat(self, key: _Handset) -> None:
        """Name the one of those at a handset to whom its calls belong."""
        here = self._here.get(key)
        if not here:
            self._here.pop(key, None)
            self.by_endpoint.pop(key, None)
            self.doubled.discard(key)
            return
        if len(here) > 1:
            self.doubled.add(key)
        else:
            self.doubled.discard(key)
        self.by_endpoint[key] = max(here, key=self._sits) if len(here) > 1 else here[0]

    def _sits(self, agent: Agent) -> tuple[bool, bool, bool, bool, str]:
        return (
            # Somebody who left the plan in the middle of a talk may have left the handset to somebody else.
            agent.id in self._planned,
            agent.on_voice() is not None,
            agent.status is not Status.SIGNED_OUT,
            not agent.desk,
            agent.id,
        )
