"""docs/metrics.rst is what the registry says."""

from __future__ import annotations

from tests.metrics import papers


def test_the_table_of_metrics_is_the_registry() -> None:
    old = papers.PAPER.read_text()
    assert old == papers.paper(old), "run `make docs` and commit"


def test_every_metric_of_ours_is_named_as_prometheus_wants() -> None:
    """Base units, and a sentence."""
    for family in papers.measured():
        assert family.documentation
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_kb", "_total"))
        if family.name.startswith("contactd_"):
            assert family.documentation.endswith("."), family.name
