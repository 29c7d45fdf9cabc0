"""What waits to be told to others, as PostgreSQL told it last. The daemon tells of it, whether a worker runs or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contactd.metrics import registry as r


@dataclass(frozen=True, slots=True)
class HookFigures:
    """Of one web hook. oldest_s: since when the oldest of the queued waits. lag_s: since when the journal has facts
    that no worker has looked at. gone: it said that it is no more. error: of the last attempt that failed."""

    queued: int = 0
    dead: int = 0
    oldest_s: float = 0.0
    lag_s: float = 0.0
    sent: int = 0
    failed: int = 0
    served: bool = False
    gone: bool = False
    error: str = ""


class OutboxMetrics(Collector):
    """tell() when there are new figures; nothing is told before the first ones, nor where nobody is sent to. The names
    are those of the configuration: bounded by an admin."""

    def __init__(self, registry: CollectorRegistry = r.REGISTRY) -> None:
        self._figures: Mapping[str, HookFigures] = {}
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        self._registry.unregister(self)

    def tell(self, figures: Mapping[str, HookFigures] | None) -> None:
        """None: PostgreSQL did not answer; old figures would look like new ones."""
        self._figures = figures or {}


class WebhookMetrics(OutboxMetrics):
    """Of web hooks."""

    def collect(self) -> Iterable[Metric]:
        labels = ["hook"]
        messages = GaugeMetricFamily(
            "contactd_webhook_messages", "Messages that wait, or are dead.", labels=["hook", "state"]
        )
        oldest = GaugeMetricFamily(
            "contactd_webhook_oldest_seconds", "Since when the oldest waiting message waits.", labels=labels
        )
        lag = GaugeMetricFamily(
            "contactd_webhook_lag_seconds",
            "Since when the journal has facts that no worker has looked at for web hooks.",
        )
        attempts = CounterMetricFamily(
            "contactd_webhook_attempts", "Attempts by what became of them.", labels=["hook", "outcome"]
        )
        served = GaugeMetricFamily("contactd_webhook_served", "1 while a worker serves it.", labels=labels)
        gone = GaugeMetricFamily(
            "contactd_webhook_gone", "1 since it said that it is no more (410); nothing is sent.", labels=labels
        )
        for name, told in sorted(self._figures.items()):
            messages.add_metric([name, "queued"], told.queued)
            messages.add_metric([name, "dead"], told.dead)
            oldest.add_metric([name], told.oldest_s)
            attempts.add_metric([name, "sent"], told.sent)
            attempts.add_metric([name, "failed"], told.failed)
            served.add_metric([name], told.served)
            gone.add_metric([name], told.gone)
        if self._figures:
            lag.add_metric([], max(told.lag_s for told in self._figures.values()))
        return messages, oldest, lag, attempts, served, gone
