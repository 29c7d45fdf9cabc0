"""The samples and the reference are what the sections say."""

from __future__ import annotations

import msgspec
import pytest

from contactd.config import reference
from contactd.config.sections import LIVE, LIVE_SECRETS, SecretSections, Sections
from tests.config.files import DOCS
from tests.config.test_config import in_the_sample, keys_of


def test_the_committed_papers_are_those_that_make_docs_writes() -> None:
    assert (DOCS / "contactd.sample.toml").read_text() == reference.sample(), "run `make docs` and commit"
    assert (DOCS / "secrets.sample.toml").read_text() == reference.secrets_sample(), "run `make docs` and commit"
    paper = (DOCS / "configuration.rst").read_text()
    assert paper == reference.reference(paper), "run `make docs` and commit"


@pytest.mark.parametrize(("kind", "live"), [(Sections, LIVE), (SecretSections, LIVE_SECRETS)])
def test_what_a_reload_takes_are_keys_that_exist(kind: type[msgspec.Struct], live: tuple[tuple[str, ...], ...]) -> None:
    assert set(live) <= set(keys_of(kind))


@pytest.mark.parametrize("key", in_the_sample() + list(keys_of(SecretSections)), ids=".".join)
def test_the_reference_explains_every_key(key: tuple[str, ...]) -> None:
    lines = (DOCS / "configuration.rst").read_text().splitlines()
    name = key[-1] if key[-1] != "*" else key[-2]
    below = {f"``[{key[0]}.<id>.{name}.<n>]``", f"``[{key[0]}.{name}.<n>]``"}
    assert {f"``{name}``", f"``[{name}]``", f"``[{name}.<id>]``", *below} & set(lines)


def test_a_key_without_a_text_below_it_is_told() -> None:
    class Queue(msgspec.Struct):
        shiny: bool = True

    with pytest.raises(ValueError, match="shiny needs a text"):
        reference._text(Queue, "shiny")
