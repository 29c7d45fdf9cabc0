"""Answers that wait in the outbox, as PostgreSQL told it last."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from contactd.metrics.webhooks import OutboxMetrics


class MailOutMetrics(OutboxMetrics):
    """Of mailboxes that answer."""

    def collect(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily(
            "contactd_mail_outbox_messages", "Answers that wait, or are dead.", labels=["mailbox", "state"]
        )
        oldest = GaugeMetricFamily(
            "contactd_mail_outbox_oldest_seconds", "Since when the oldest waiting answer waits.", labels=["mailbox"]
        )
        attempts = CounterMetricFamily(
            "contactd_mail_outbox_attempts",
            "Attempts to send an answer, by what became of them.",
            labels=["mailbox", "outcome"],
        )
        for name, told in sorted(self._figures.items()):
            waiting.add_metric([name, "queued"], told.queued)
            waiting.add_metric([name, "dead"], told.dead)
            oldest.add_metric([name], told.oldest_s)
            attempts.add_metric([name, "sent"], told.sent)
            attempts.add_metric([name, "failed"], told.failed)
        return waiting, oldest, attempts
