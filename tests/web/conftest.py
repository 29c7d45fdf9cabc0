from __future__ import annotations

from pathlib import Path

import pytest

from contactd.config import load
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from tests.config.files import waiting_sample, write
from tests.store.walk import PBX
from tests.web.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The sample's floor: alice and bob, signed out, their handsets free, the PBX steered."""
    made = Bench(load(write(tmp_path, waiting_sample())))
    walk = made.walk
    walk.put(inp.ConfigurationLoaded(plan=made.settings.plan()))
    free = {"1001": Handset.FREE, "1002": Handset.FREE}
    walk.put(inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=walk.now - 900, calls=(), handsets=free))
    return made
