"""The list of mutants is about the code as it is; that each is killed shows ``python -m tests.core.mutants``."""

from __future__ import annotations

import pytest

from tests.core.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_the_line_that_a_mutant_changes_is_there_once(mutant: Mutant) -> None:
    assert (ROOT / "contactd/core" / mutant.file).read_text().count(mutant.line) == 1
