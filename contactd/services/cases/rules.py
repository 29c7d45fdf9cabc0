"""What the configuration says of cases: types with their states, topics and fields, calendars, and who may own one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contactd.config import CaseType
from contactd.core.errors import ContactdError
from contactd.core.ids import CalendarId
from contactd.hours.calendar import Calendar

USUAL_TYPES: Mapping[str, CaseType] = MappingProxyType({"general": CaseType()})
"""Where none is declared."""
USUAL_STATES: Mapping[str, str] = MappingProxyType(
    {"new": "open", "in_progress": "open", "waiting": "waiting", "closed": "closed"}
)


class CaseRefused(ContactdError):
    """A case cannot be that."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Made by of(). queues, agents: those who may own a case."""

    types: Mapping[str, CaseType]
    calendars: Mapping[CalendarId, Calendar]
    queues: Collection[str]
    agents: Collection[str]

    @classmethod
    def of(
        cls,
        types: Mapping[str, CaseType],
        calendars: Mapping[CalendarId, Calendar],
        queues: Collection[str],
        agents: Collection[str],
    ) -> Rules:
        return cls(types or USUAL_TYPES, calendars, queues, agents)

    def type(self, name: str) -> CaseType:
        """Raises CaseRefused."""
        section = self.types.get(name)
        if section is None:
            known = ", ".join(self.types)
            raise CaseRefused(
                f"There is no type of case {name}: give one of {known}, or declare it as [case_types.{name}]."
            )
        return section

    @property
    def usual_type(self) -> str:
        """The first one that is declared."""
        return next(iter(self.types))

    def states(self, type_name: str) -> Mapping[str, str]:
        """State -> open, waiting or closed. Raises CaseRefused."""
        return self.type(type_name).states or USUAL_STATES

    def phase(self, type_name: str, status: str) -> str:
        """What a status means. Raises CaseRefused."""
        states = self.states(type_name)
        if status not in states:
            raise CaseRefused(f"A case of the type {type_name} is never {status}: give one of {', '.join(states)}.")
        return states[status]

    def usual(self, type_name: str, phase: str) -> str:
        """The first state that means it. Raises CaseRefused."""
        states = self.states(type_name)
        status = next((status for status, means in states.items() if means == phase), None)
        if status is None:
            raise CaseRefused(
                f'No state of the type {type_name} means "{phase}": add one to [case_types.{type_name}.states].'
            )
        return status

    def topic(self, type_name: str, topic: str) -> str:
        """Raises CaseRefused."""
        topics = self.type(type_name).topics
        if topic not in topics:
            known = f"give one of {', '.join(topics)}, or" if topics else ""
            raise CaseRefused(
                f"There is no topic {topic}: {known} add it to [case_types.{type_name}.topics].".replace(":  ", ": ")
            )
        return topic

    def owner(self, kind: str, name: str) -> str:
        """kind: agent or queue. Raises CaseRefused."""
        if name not in (self.agents if kind == "agent" else self.queues):
            raise CaseRefused(f"There is no {kind} {name}: contactctl {kind}s lists them.")
        return name

    def calendar(self, name: CalendarId | None) -> Calendar | None:
        """None: around the clock, also where it is not declared any more."""
        return self.calendars.get(name) if name is not None else None
