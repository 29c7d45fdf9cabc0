"""What waiting callers hear, as the files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contactd.config import ConfigErrors, load
from contactd.core.announcements import Times
from tests.config.files import sample, write


def test_what_nobody_could_say_or_bear_is_refused(tmp_path: Path) -> None:
    table = sample()
    sales = table["queues"]["sales"]
    sales["announce_position"] = {"after_s": 30, "every_s": 5}
    sales["messages"] = {"web": {"sounds": ["custom/web"], "after_s": 10, "every_s": 9}}
    sales["welcome"] = ["x" * 120] * 8
    sales["whisper"] = ["y" * 120] * 2
    with pytest.raises(ConfigErrors) as refused:
        load(write(tmp_path, table))
    told = "\n".join(map(str, refused.value.errors))
    assert "queues.sales.announce_position.every_s: nobody wants to hear that so often" in told
    assert "queues.sales.messages.web.every_s: nobody wants to hear that so often" in told
    assert "queues.sales.welcome: all that may be said at the same time" in told
    assert "queues.sales.whisper: the names of these sounds have 242 characters, and 200 fit" in told


def test_it_reaches_the_floor_and_the_doctor(tmp_path: Path) -> None:
    settings = load(write(tmp_path, sample()))
    (sales, service) = settings.plan().queues
    assert service.announcements is None and sales.announcements is not None
    assert sales.announcements.position == Times(after_s=30, every_s=60) and sales.announcements.position_up_to == 10
    (message,) = sales.announcements.messages
    assert (message.id, message.sounds) == ("website", ("custom/website",))
    assert {"custom/welcome", "custom/website", "queue-thereare", "letters/dash"} <= set(settings.sounds)
    assert "queue-reporthold" not in settings.sounds
