"""Whether recordings come and are kept: what is told, and with what remedy."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contactd.config import Recording
from contactd.config.sections import Queue
from contactd.services.recording import watching
from contactd.services.recording.watching import Look, Watch, look


def settings(tmp_path: Path, record: str = "always", agent: bool | None = None) -> Any:
    for name in ("inbox", "store"):
        (tmp_path / name).mkdir(exist_ok=True)
    section = Recording(inbox=str(tmp_path / "inbox"), store=str(tmp_path / "store"), min_free_mb=1)
    queues, agents = {"sales": Queue(record=record)}, {"anna": SimpleNamespace(record=agent)}
    return SimpleNamespace(recording=section, queues=queues, agents=agents)


def test_nothing_is_looked_at_where_nothing_is_recorded(tmp_path: Path) -> None:
    asked = settings(tmp_path, "no")
    (tmp_path / "store").rmdir()
    assert look(asked) == Look()
    assert "store" in look(settings(tmp_path, "no", agent=True)).free


def test_room_and_what_waits_are_told(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    (tmp_path / "inbox/a_1-1.done").touch()
    seen = look(asked)
    assert not seen.trouble and seen.waiting == 1 and seen.oldest_s < 60 and set(seen.free) == {"inbox", "store"}


def test_a_full_disk_a_missing_folder_and_a_worker_that_does_not_come_are_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(tmp_path)
    done = tmp_path / "inbox/a_1-1.done"
    done.touch()
    os.utime(done, (1, 1))
    late = look(asked)
    assert "recordings wait" in late.trouble and "worker" in late.remedy
    full = SimpleNamespace(f_bavail=10, f_frsize=4096)
    with monkeypatch.context() as patch:
        patch.setattr(watching.os, "statvfs", lambda _: full)
        assert "0 MiB left" in look(asked).trouble and "Make room" in look(asked).remedy
    (tmp_path / "store").rmdir()
    assert "is not there" in look(asked).trouble


def test_trouble_is_logged_once_and_its_end_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(lambda: settings(tmp_path))
    for seen in (
        Look(trouble="/x has 3 MiB left", remedy="Make room"),
        Look(trouble="/x has 2 MiB left"),
        Look(),
        Look(),
    ):
        watch.tell(seen)
    said = capsys.readouterr().out
    assert said.count("recording_in_trouble") == 1 and said.count("recording_well_again") == 1
