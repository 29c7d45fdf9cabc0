"""The spool on a real disk: what a death leaves, what a full disk does, what is given back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contactd.daemon import Daemon
from contactd.engine.frame import Frame, frames_in
from contactd.engine.spool import Spool, SpoolBroken
from tests.engine.journal import raw

SIZE = len(raw(1).encoded)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.spool"))


def spool_of(folder: Path, frames: int, segments: int) -> Spool:
    """Segments of so many small frames."""
    return Spool(folder, segment_bytes=SIZE * frames, max_bytes=SIZE * frames * segments)


def test_a_written_frame_is_left_behind_for_the_next_life(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=4096)
    written = [raw(n) for n in range(1, 4)]
    for frame in written:
        spool.write(frame)
    # No close, as after a kill.
    assert Spool(folder).left_behind() == written
    spool.close()


def test_a_segment_is_allocated_whole_and_for_its_owner_only(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=1 << 20)
    spool.write(raw(1))
    path = next(folder.glob("*.spool"))
    assert path.stat().st_size == spool.bytes_on_disk == 1 << 20
    assert path.stat().st_blocks * 512 >= 1 << 20
    assert path.stat().st_mode & 0o777 == 0o600
    spool.close()


def test_full_segments_roll_and_go_when_the_journal_has_passed_them(folder: Path) -> None:
    spool = spool_of(folder, 2, 100)
    for n in range(1, 8):
        spool.write(raw(n))
    assert files(folder) == [f"{n:010}.spool" for n in (1, 2, 3, 4)]
    spool.release(3)
    assert files(folder) == [f"{n:010}.spool" for n in (2, 3, 4)]
    spool.release(7)
    assert files(folder) == ["0000000004.spool"]
    spool.close()


def test_a_frame_larger_than_a_segment_gets_one_of_its_own(folder: Path) -> None:
    spool = spool_of(folder, 1, 100)
    big = raw(2, "x" * 5000)
    for frame in (raw(1), big, raw(3)):
        spool.write(frame)
    assert spool.fault is None
    assert [f.first_seq for f in Spool(folder).left_behind()] == [1, 2, 3]
    spool.close()


def test_a_full_spool_says_so_early_and_recovers_when_the_journal_catches_up(folder: Path) -> None:
    spool = spool_of(folder, 1, 4)
    for n in (1, 2, 3):
        spool.write(raw(n))
    assert not spool.full
    spool.write(raw(4))
    # The last quarter is for those who are on the floor already.
    assert spool.full and spool.fault is None
    spool.write(raw(5))
    assert spool.fault is not None and "limit" in spool.fault
    spool.release(4)
    spool.write(raw(6))
    assert spool.fault is None and not spool.full
    spool.close()


def test_the_next_life_goes_on_after_the_old_numbers_and_forgets_only_the_old(folder: Path) -> None:
    first = spool_of(folder, 1, 100)
    for n in (1, 2):
        first.write(raw(n))
    second = spool_of(folder, 1, 100)
    assert len(second.left_behind()) == 2
    second.write(raw(3))
    second.forget_old()
    assert files(folder) == ["0000000003.spool"]
    for spool in (first, second):
        spool.close()


def test_a_file_is_used_for_a_day_at_most_and_not_dropped_before_the_journal_has_it(folder: Path) -> None:
    """It holds numbers and names."""
    spool = Spool(folder, segment_bytes=4096, longest_s=0)
    spool.write(raw(1))
    spool.write(raw(2))
    spool.release(1)
    assert files(folder) == ["0000000001.spool"]
    spool.release(2)
    assert files(folder) == []
    spool.write(raw(3))
    assert files(folder) == ["0000000002.spool"]
    assert Spool(folder).left_behind() == [raw(3)]
    spool.close()
    young = Spool(folder / "young", segment_bytes=4096)
    young.write(raw(1))
    young.release(1)
    assert files(folder / "young") == ["0000000001.spool"]
    young.close()


def test_what_is_quarantined_is_kept_byte_for_byte(folder: Path) -> None:
    spool = Spool(folder)
    assert spool.in_quarantine == 0
    path = spool.quarantine("frame-1-5.bin", raw(5).encoded)
    spool.quarantine("frame-1-5.bin", raw(5).encoded)
    assert spool.in_quarantine == Spool(folder).in_quarantine == 1
    assert path == folder / "quarantine" / "frame-1-5.bin"
    assert list(frames_in(path.read_bytes())) == [raw(5)]
    assert spool.left_behind() == []
    path.unlink()
    assert spool.in_quarantine == 0


def test_a_folder_that_cannot_be_made_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolBroken, match="state_dir"):
        Spool(tmp_path / "file" / "spool")


def test_two_daemons_never_share_a_spool(tmp_path: Path) -> None:
    from types import SimpleNamespace

    settings = SimpleNamespace(state_dir=tmp_path, spool=SimpleNamespace(segment_mb=1, max_mb=2))
    with contextlib.ExitStack() as one, contextlib.ExitStack() as other:
        daemons = [Daemon(settings) for _ in range(2)]  # type: ignore[arg-type]
        daemons[0]._spool(one)  # type: ignore[arg-type]
        with pytest.raises(SpoolBroken, match="Another contactd"):
            daemons[1]._spool(other)  # type: ignore[arg-type]


CHILD = """
import sys
from pathlib import Path
from contactd.engine.spool import Spool
from tests.engine.journal import raw
spool = Spool(Path(sys.argv[1]), segment_bytes=8192)
for number in range(1, 1_000_000):
    spool.write(raw(number, "x" * (number % 300)))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_every_acknowledged_frame_survives_kill_9(folder: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(500)]
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split(b"\n")[:-1]]
    child.wait()
    child.stdout.close()
    found = Spool(folder).left_behind()
    assert [frame.first_seq for frame in found[: len(said)]] == said
    assert len(found) - len(said) in (0, 1)
    assert all(frame == raw(n, "x" * (n % 300)) for n, frame in enumerate(found, 1))


@contextlib.contextmanager
def no_file_may_grow_past(size: int) -> Iterator[None]:
    """The kernel then says EFBIG. Large enough for the test's own log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


def test_a_disk_without_room_for_a_segment_is_a_fault_and_no_exception(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=4 << 20)
    with no_file_may_grow_past(2 << 20):
        spool.write(raw(1))
        assert spool.fault is not None and spool.full
        assert files(folder) == []
    spool.write(raw(2))
    assert spool.fault is None and not spool.full
    spool.close()


def test_a_write_that_is_cut_short_is_overwritten_by_the_next(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=8 << 20)
    first = raw(1, "x" * (2 << 20))
    spool.write(first)
    with no_file_may_grow_past(len(first.encoded) + 10):
        spool.write(raw(2))
        assert spool.fault is not None
    assert Spool(folder).left_behind() == [first]
    spool.write(raw(3))
    assert spool.fault is None
    assert [frame.first_seq for frame in Spool(folder).left_behind()] == [1, 3]
    spool.close()


def test_a_file_that_is_no_segment_is_left_alone(folder: Path) -> None:
    spool = Spool(folder)
    (folder / "lock").write_text("")
    (folder / "notes.spool").write_text("not ours")
    assert spool.left_behind() == []
    spool.forget_old()
    assert (folder / "notes.spool").exists()


async def test_the_disk_is_synced_by_a_thread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd)))
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def soon(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", soon)
    spool = Spool(folder, segment_bytes=4096)
    spool.write(raw(1))
    task = asyncio.create_task(spool.sync_every_second())
    async with asyncio.timeout(5):
        while not synced:
            await sleep(0)
    task.cancel()
    assert set(pauses) == {1}
    spool.close()


def test_frames_are_equal_by_their_bytes() -> None:
    assert isinstance(raw(1), Frame) and raw(1) == raw(1) != raw(2)


async def test_a_disk_is_tried_by_writing_and_syncing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    await spool.probe()
    assert not list((tmp_path / "spool").glob("probe"))
    (tmp_path / "spool").rmdir()
    with pytest.raises(SpoolBroken, match="No such file"):
        await spool.probe()
