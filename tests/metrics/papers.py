"""docs/metrics.rst, made from the registry: ``make docs`` writes it (python -m tests.metrics.papers); a test looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from contactd.metrics import (
    AMI_EVENT_LAG_SECONDS,
    AMI_HEARTBEAT_SECONDS,
    MAILBOX_LOOKED_AT,
    MAILBOX_UP,
    MAILBOX_WAITING,
    MAILS_KEPT,
    RECORDING_FREE_BYTES,
    VOICEMAIL_OLDEST_SECONDS,
    VOICEMAILS_WAITING,
    CaseFigures,
    CaseMetrics,
    FloorMetrics,
    HookFigures,
    JobFigures,
    JobMetrics,
    MailOutMetrics,
    Retained,
    WebhookMetrics,
)
from contactd.metrics.certificates import SIP_CERTIFICATE_END
from contactd.metrics.registry import REGISTRY, families
from tests.metrics.big import big_floor, every_series, readings
from tests.store.walk import PBX

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "docs/metrics.rst"
MARK = ".. made from the registry by `make docs`; what is above this line is written by hand"


def measured() -> list[Metric]:
    """Every family of a daemon to which everything has happened."""
    walk = big_floor(calls=10)
    metrics = FloorMetrics(walk.floor, readings, lambda: walk.now)
    jobs = JobMetrics(("verify",))
    retention = {"callers": Retained(1.0, 2, 3, 4.0)}
    jobs.tell(JobFigures(tallies={("verify", "done"): (1, 2.0)}, retention=retention))
    cases = CaseMetrics()
    cases.tell(CaseFigures())
    hooks = WebhookMetrics()
    hooks.tell({"crm": HookFigures()})
    answers = MailOutMetrics()
    answers.tell({"support": HookFigures()})
    try:
        every_series(metrics)
        metrics.publish(walk.steps)
        SIP_CERTIFICATE_END.labels(PBX).set(0.0)
        RECORDING_FREE_BYTES.labels("inbox").set(0.0)
        VOICEMAILS_WAITING.labels("sales").set(0.0)
        VOICEMAIL_OLDEST_SECONDS.labels("sales").set(0.0)
        for gauge in (MAILBOX_UP, MAILBOX_LOOKED_AT, MAILBOX_WAITING):
            gauge.labels("support").set(0.0)
        MAILS_KEPT.labels("support", "whole")
        for histogram in (AMI_EVENT_LAG_SECONDS, AMI_HEARTBEAT_SECONDS):
            histogram.labels(PBX).observe(0.0)
        return list(families())
    finally:
        metrics.close()
        jobs.close()
        cases.close()
        hooks.close()
        answers.close()


def sample_names(family: Metric) -> set[str]:
    """What a query may name."""
    return {sample.name for sample in family.samples}


def paper(old: str) -> str:
    """The hand-written part of the old one, and the table."""
    return old.split(MARK, maxsplit=1)[0] + MARK + "\n\n" + "\n".join(_table()) + "\n"


def _table() -> Iterator[str]:
    rows = []
    # Of one that nothing has happened to in this process, no sample tells the labels.
    collectors = set(REGISTRY._names_to_collectors.values())
    declared = {one._name: set(one._labelnames) for one in collectors if isinstance(one, MetricWrapperBase)}
    for family in sorted(measured(), key=lambda family: family.name):
        found = {label for sample in family.samples for label in sample.labels}
        labels = sorted((found | declared.get(family.name, set())) - {"le", "quantile"})
        name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
        rows.append((f"``{name}``", family.type, ", ".join(labels), family.documentation.rstrip(".")))
    rows.sort(key=lambda row: (not row[0].startswith("``contactd"), row[0]))
    head = ("metric", "type", "labels", "what it tells")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    rule = "  ".join("=" * width for width in widths)
    yield rule
    yield _line(head, widths)
    yield rule
    yield from (_line(row, widths) for row in rows)
    yield rule


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join((cell or "\\ ").ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    PAPER.write_text(paper(PAPER.read_text()))
    print(f"wrote {PAPER.relative_to(ROOT)}")
