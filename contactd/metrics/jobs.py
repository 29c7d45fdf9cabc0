"""The jobs of the workers, and the last look at the whole journal, as PostgreSQL told them last.

The daemon tells of them and not the worker: one address to read, and jobs that wait since no worker lives are seen too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contactd.metrics import registry as r


@dataclass(frozen=True, slots=True)
class Retained:
    """Of one kind of data. ran_at: when a run last ended, 0.0: never. oldest: of what it left; None: nothing."""

    ran_at: float
    removed: int
    held: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class JobFigures:
    """open: of (kind, state): how many, and since when the oldest has been due. tallies: of (kind, outcome): how many
    attempts, and their seconds. verified_*: of this floor's journal; at 0.0: never. retention: by kind of data."""

    open: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    tallies: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    verified_at: float = 0.0
    verified_seq: int = 0
    broken: bool = False
    retention: dict[str, Retained] = field(default_factory=dict)


_OUTCOMES = ("done", "failed", "dead", "given_back")


class JobMetrics(Collector):
    """tell() when there are new figures; nothing is told before the first ones.

    kinds: those that this version knows, which are told as 0 where there is none. The kinds in the database are ours
    and a newer version's: bounded by code.
    """

    def __init__(self, kinds: Sequence[str], registry: CollectorRegistry = r.REGISTRY) -> None:
        self._kinds = kinds
        self._figures: JobFigures | None = None
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        self._registry.unregister(self)

    def tell(self, figures: JobFigures | None) -> None:
        """None: PostgreSQL did not answer; old figures would look like new ones."""
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        counts = GaugeMetricFamily("contactd_jobs", "Jobs that wait, run, or are dead.", labels=["kind", "state"])
        oldest = GaugeMetricFamily(
            "contactd_job_oldest_waiting_seconds", "Since when the oldest waiting job has been due.", labels=["kind"]
        )
        runs = CounterMetricFamily("contactd_job_runs", "Attempts by what became of them.", labels=["kind", "outcome"])
        run_s = CounterMetricFamily(
            "contactd_job_run_seconds", "How long attempts took in all.", labels=["kind", "outcome"]
        )
        verified_at = GaugeMetricFamily(
            "contactd_journal_verified_timestamp_seconds", "When all of the journal was verified last; 0: never."
        )
        verified_seq = GaugeMetricFamily("contactd_journal_verified_seq", "How far it was verified then.")
        broken = GaugeMetricFamily("contactd_journal_broken", "1 when the last verification found a changed fact.")
        told = self._figures
        if told is not None:
            kinds = sorted({*self._kinds, *(kind for kind, _ in told.open)})
            for kind in kinds:
                for state in ("waiting", "running", "dead"):
                    counts.add_metric([kind, state], told.open.get((kind, state), (0, 0.0))[0])
                oldest.add_metric([kind], told.open.get((kind, "waiting"), (0, 0.0))[1])
            # Seen as 0 from the start, so that the first one is a rise.
            first = {(kind, outcome): (0, 0.0) for kind in self._kinds for outcome in _OUTCOMES}
            for (kind, outcome), (count, seconds) in sorted({**first, **told.tallies}.items()):
                runs.add_metric([kind, outcome], count)
                run_s.add_metric([kind, outcome], seconds)
            verified_at.add_metric([], told.verified_at)
            verified_seq.add_metric([], told.verified_seq)
            broken.add_metric([], told.broken)
        return counts, oldest, runs, run_s, verified_at, verified_seq, broken, *_retention(told)


def _retention(told: JobFigures | None) -> Iterable[Metric]:
    """The kinds are those of the table, bounded by code."""
    labels = ["kind"]
    ran_at = GaugeMetricFamily(
        "contactd_retention_run_timestamp_seconds",
        "When what is older than it may be was last removed to the end; 0: never.",
        labels=labels,
    )
    removed = CounterMetricFamily("contactd_retention_removed_rows", "Rows removed for their age.", labels=labels)
    held = GaugeMetricFamily(
        "contactd_retention_held_rows", "Rows that were old enough at the last run, and are held.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "contactd_retention_oldest_timestamp_seconds",
        "When the oldest row was made that the last run left.",
        labels=labels,
    )
    for kind, row in sorted(told.retention.items()) if told is not None else ():
        ran_at.add_metric([kind], row.ran_at)
        removed.add_metric([kind], row.removed)
        held.add_metric([kind], row.held)
        if row.oldest is not None:
            oldest.add_metric([kind], row.oldest)
    return ran_at, removed, held, oldest
