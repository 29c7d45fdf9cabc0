"""What callers did in a flow, counted from the journal: how many came to each node, and where they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from contactd.core.events import FlowWent
from contactd.core.ids import Instant


@dataclass(frozen=True, slots=True)
class Journey:
    """One caller. told: what the journal has of the flow, in order. ended_at: None while the contact lasts."""

    told: Sequence[tuple[Instant, FlowWent]]
    waited: bool
    """They came into a queue, by the flow's word or because contactd was away."""
    ended_at: Instant | None


@dataclass(slots=True)
class NodeFigures:
    """came: visits; a caller may come several times. left: callers who hung up there, or were lost."""

    came: int = 0
    left: int = 0
    inside: int = 0
    """Callers who are there now."""
    answers: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    """Visits whose time is known: of questions."""
    asked_s: float = 0.0

    @property
    def mean_s(self) -> float | None:
        return self.asked_s / self.asked if self.asked else None


@dataclass(slots=True)
class FlowFigures:
    """callers: who came in. served: whom the flow served to the end. waited: who went on to a queue."""

    callers: int = 0
    served: int = 0
    waited: int = 0
    left: int = 0
    inside: int = 0
    nodes: dict[str, NodeFigures] = field(default_factory=dict)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    """From one node to the next of the same flow."""

    @property
    def containment(self) -> float | None:
        """Served without an agent, of all who are out of the flow. Source: the field's usual formula."""
        done = self.callers - self.inside
        return self.served / done if done else None

    def at(self, node: str) -> NodeFigures:
        return self.nodes.setdefault(node, NodeFigures())

    def add(self, journey: Journey) -> None:
        if not journey.told:
            return
        self.callers += 1
        steps = [step for _, event in journey.told for step in event.passed]
        last = journey.told[-1][1]
        if last.asks:
            steps.append(last.asks)
        for step in steps:
            name, _, answer = step.partition("=")
            self.at(name).came += 1
            if answer:
                self.at(name).answers[answer] += 1
        own = [name for name, _, _ in (step.partition("=") for step in steps) if "." not in name]
        self.ways.update(pairwise(own))
        self._time(journey)
        if last.served:
            self.served += 1
        elif journey.waited:
            self.waited += 1
        elif not steps:
            self.left += journey.ended_at is not None
        elif journey.ended_at is None:
            self.inside += 1
            self.at(steps[-1].partition("=")[0]).inside += 1
        else:
            self.left += 1
            self.at(steps[-1].partition("=")[0]).left += 1

    def _time(self, journey: Journey) -> None:
        """From a question to what is told next."""
        ends = [at for at, _ in journey.told[1:]] + ([journey.ended_at] if journey.ended_at is not None else [])
        for (began, event), ended in zip(journey.told, ends, strict=False):
            if event.asks:
                node = self.at(event.asks)
                node.asked += 1
                node.asked_s += max(0.0, ended - began)


def figures_of(journeys: Iterable[Journey]) -> FlowFigures:
    figures = FlowFigures()
    for journey in journeys:
        figures.add(journey)
    return figures
