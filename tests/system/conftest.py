"""One centre for all tests that break nothing of it; whoever breaks something starts a centre of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.lab.stack import NAMES, Person
from tests.system.centre import Centre

# PINs long enough to be found nowhere by chance.
CREW = [Person(name, str(1001 + n), f"handset-{name}", f"83061729{n:02}") for n, name in enumerate((*NAMES, "erin"))]


@pytest.fixture(scope="session")
async def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Sales wraps up for a second, support not at all; both ring for five seconds."""
    folder = tmp_path_factory.mktemp("centre")
    async with Centre(folder, people=CREW, queues={"sales": (5, 1), "support": (5, 0)}) as centre:
        daemon = centre.stack.daemon
        daemon.write(daemon.config.read_text().replace("timeout_s = 5", "timeout_s = 1"))
        daemon.hup()
        await centre.until(lambda: "configuration_loaded" in daemon.log.read_text(), "the menu to be impatient")
        yield centre


@pytest.fixture
async def centre(shared_centre: Centre) -> AsyncIterator[Centre]:
    """The shared centre, with nobody in it."""
    await shared_centre.clear()
    yield shared_centre
    await shared_centre.clear()
