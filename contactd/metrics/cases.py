"""Cases that are not closed, and their targets, as PostgreSQL told them last. No worker is needed for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contactd.metrics import registry as r

_PHASES = ("open", "waiting")
_TARGETS = ("first_answer", "resolution")
_STATES = ("running", "soon", "broken")


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """cases: by what their status means. targets: of (target, state), those that run."""

    cases: dict[str, int] = field(default_factory=dict)
    targets: dict[tuple[str, str], int] = field(default_factory=dict)


class CaseMetrics(Collector):
    """tell() when there are new figures; nothing is told before the first ones."""

    def __init__(self, registry: CollectorRegistry = r.REGISTRY) -> None:
        self._figures: CaseFigures | None = None
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        self._registry.unregister(self)

    def tell(self, figures: CaseFigures | None) -> None:
        """None: PostgreSQL did not answer; old figures would look like new ones."""
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        cases = GaugeMetricFamily("contactd_cases", "Cases that are not closed.", labels=["phase"])
        targets = GaugeMetricFamily(
            "contactd_case_targets",
            "Answer targets that run: in time, about to break (soon), or broken and not met yet.",
            labels=["target", "state"],
        )
        told = self._figures
        if told is not None:
            for phase in _PHASES:
                cases.add_metric([phase], told.cases.get(phase, 0))
            for target in _TARGETS:
                for state in _STATES:
                    targets.add_metric([target, state], told.targets.get((target, state), 0))
        return cases, targets
