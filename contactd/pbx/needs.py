"""What a PBX says that a caller needs: hostile until read, and refused where nobody could give it."""

from __future__ import annotations

import msgspec
import structlog

from contactd.core.contact import Needs
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, SkillId
from contactd.core.inputs import CallSeen
from contactd.core.needs import from_text, known_of, skills_of
from contactd.core.plan import FloorPlan

log = structlog.get_logger()


class NeedsReader:
    """Reads by the configuration that the floor has just now."""

    def __init__(self, floor: LiveFloor) -> None:
        self._floor = floor
        self._plan: FloorPlan | None = None
        self._known: set[SkillId] = set()

    def read(self, said: str, contact: ContactId) -> Needs | None:
        """said: as CONTACTD_NEEDS has it. What nobody could give is left out, and told. None: nothing is left."""
        if not said:
            return None
        needs, unread = from_text(said)
        needs, unknown = known_of(needs, self._skills(), self._floor.agents)
        if unread or unknown:
            log.warning(
                "needs_refused",
                contact=contact,
                skills=[*unread.skills, *unknown.skills],
                agent=unread.agent or unknown.agent,
                boost=unread.boost,
                remedy="Your dialplan asks for what nothing in the configuration names, or in another way than"
                " CONTACTD_SKILLS=german:7&cards:5, CONTACTD_AGENT=anna, CONTACTD_BOOST=60: mend it there, or give the"
                " skill to a queue or an agent. The call goes on without it.",
            )
        return needs if needs != Needs() else None

    def of_call(self, call: CallSeen) -> CallSeen:
        """A call of an inventory, with the needs that somebody could give; told of when it was held."""
        if call.needs is None or call.contact in self._floor.contacts:
            return msgspec.structs.replace(call, needs=None)
        needs, _ = known_of(call.needs, self._skills(), self._floor.agents)
        return msgspec.structs.replace(call, needs=needs if needs != Needs() else None)

    def _skills(self) -> set[SkillId]:
        plan = self._floor.state.plan
        if plan is not self._plan:
            self._plan, self._known = plan, skills_of(plan) if plan is not None else set()
        return self._known
