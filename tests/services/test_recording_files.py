"""A recording at rest, and what the PBX leaves: nothing can be changed unseen, and nothing half-written counts."""

from __future__ import annotations

import array
import hashlib
import io
import os
import wave
from pathlib import Path

import pytest

from contactd.services.recording.inbox import FORGOTTEN_S, talks, waits
from contactd.services.recording.sealing import KeyRing, NotReadable, fresh_key, opened, seal

ID = "0b7c5a52-0000-8000-8000-000000000001"
PIECE = 1 << 16


def sealed(data: bytes, key: bytes, about: str = ID) -> bytes:
    out = io.BytesIO()
    parts = (data[begin : begin + 1000] for begin in range(0, len(data), 1000))
    assert seal(parts, out, key, about) == (hashlib.sha256(data).digest(), len(data))
    return out.getvalue()


def read(data: bytes, key: bytes, about: str = ID) -> bytes:
    return b"".join(opened(io.BytesIO(data), key, about))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_what_is_sealed_opens_to_the_same_and_shows_nothing_of_it(size: int) -> None:
    key, data = fresh_key(), b"a secret word " * (size // 14) + b"x" * (size % 14)
    kept = sealed(data, key)
    assert read(kept, key) == data and b"secret" not in kept
    assert sealed(data, fresh_key()) != kept


def test_nothing_of_it_can_be_changed_cut_off_or_moved() -> None:
    key, data = fresh_key(), os.urandom(3 * PIECE + 100)
    kept = sealed(data, key)
    block = PIECE + 16
    swapped = kept[:8] + kept[8 + block : 8 + 2 * block] + kept[8 : 8 + block] + kept[8 + 2 * block :]
    changed = bytes([*kept[:5000], kept[5000] ^ 1, *kept[5001:]])
    for wrong in (
        changed,
        swapped,
        kept[: 8 + block],
        kept[: 8 + 2 * block],
        kept[:-1],
        kept + b"x",
        b"",
        b"RIFF" + kept,
    ):
        with pytest.raises(NotReadable):
            read(wrong, key)
    for other_key, about in ((fresh_key(), ID), (key, "another")):
        with pytest.raises(NotReadable):
            read(kept, other_key, about)


def test_a_key_opens_what_an_older_one_wrapped_and_names_the_one_that_is_missing() -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    key, before, after = fresh_key(), KeyRing([old]), KeyRing([new, old])
    wrapped = before.wrap(key, ID)
    assert key not in wrapped and after.unwrap(before.current, wrapped, ID) == key
    assert after.unwrap(after.current, after.wrap(key, ID), ID) == key
    with pytest.raises(NotReadable, match="old_keys"):
        KeyRing([new]).unwrap(before.current, wrapped, ID)
    with pytest.raises(NotReadable):
        after.unwrap(before.current, wrapped, "another")
    assert "KeyRing(...)" in repr(after)


def leave(inbox: Path, name: str, caller: int, agent: int, done: str | None = "", age_s: float = 60) -> None:
    """So many samples of each side: the caller's are 1, the agent's 2."""
    for side, value, count in (("tx", 1, caller), ("rx", 2, agent)):
        (inbox / f"{name}-{side}.sln").write_bytes(array.array("h", [value] * count).tobytes())
    if done is not None:
        (inbox / f"{name}.done").write_text(done)
    for path in inbox.glob(f"{name}*"):
        then = path.stat().st_mtime - age_s
        os.utime(path, (then, then))


def test_two_files_become_a_wav_with_the_caller_left_and_the_agent_right(tmp_path: Path) -> None:
    leave(tmp_path, "pbx1-17.3_4-88", 40_000, 39_990, "pbx1-17.3 4-88 1001 1700000000.5 1700000005.5")
    (talk,) = talks(tmp_path)
    assert (talk.call, talk.offer, talk.endpoint, talk.whole) == ("pbx1-17.3", "4-88", "1001", True)
    assert (talk.began, talk.ended) == (1_700_000_000.5, 1_700_000_005.5)
    with wave.open(io.BytesIO(b"".join(talk.wave()))) as made:
        assert (made.getnchannels(), made.getframerate(), made.getnframes()) == (2, 8000, 40_000)
        samples = array.array("h", made.readframes(40_000))
    assert (
        set(samples[0::2]) == {1}
        and set(samples[1 : 2 * 39_990 : 2]) == {2}
        and set(samples[2 * 39_990 + 1 :: 2]) == {0}
    )
    talk.remove()
    assert not list(tmp_path.iterdir()) and not waits(tmp_path)


def leave_message(inbox: Path, name: str, level: int, seconds: float, done: str | None = "") -> None:
    """A caller's message of a square wave of this level."""
    samples = array.array("h", [level, -level] * int(4000 * seconds))
    (inbox / f"{name}.sln").write_bytes(samples.tobytes())
    if done is not None:
        (inbox / f"{name}.done").write_text(done)
    age_s = 60 if done is not None else FORGOTTEN_S + 9
    for path in inbox.glob(f"{name}*"):
        then = path.stat().st_mtime - age_s
        os.utime(path, (then, then))


def test_a_message_is_one_channel_and_says_for_whom_it_is(tmp_path: Path) -> None:
    leave_message(tmp_path, "pbx1-17.3_m1700000000", 3000, 2, "pbx1-17.3 mailbox sales 1700000000.5 1700000002.5")
    leave_message(tmp_path, "pbx1-17.4_m1700000009", 3000, 2, done=None)
    dead, whole = sorted(talks(tmp_path), key=lambda one: one.whole)
    assert (whole.call, whole.offer, whole.endpoint, whole.message) == ("pbx1-17.3", "m1700000000", "sales", True)
    assert (dead.call, dead.endpoint, dead.message) == ("pbx1-17.4", "", True)
    with wave.open(io.BytesIO(b"".join(whole.wave()))) as made:
        assert (made.getnchannels(), made.getframerate(), made.getnframes()) == (1, 8000, 16_000)
        assert set(array.array("h", made.readframes(16_000))) == {3000, -3000}
    whole.remove()
    dead.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("level", "seconds", "heard_s"), [(3000, 2, 2), (100, 2, 0), (3000, 0.5, 0.5), (0, 9, 0)])
def test_what_is_spoken_in_a_message_is_louder_than_a_quiet_line(
    tmp_path: Path, level: int, seconds: float, heard_s: float
) -> None:
    leave_message(tmp_path, "pbx1-17.3_m1700000000", level, seconds)
    (one,) = talks(tmp_path)
    assert abs(one.heard_s() - heard_s) < 0.11


def test_what_is_not_whole_yet_is_left_alone_and_what_nobody_finished_counts_after_a_day(tmp_path: Path) -> None:
    leave(tmp_path, "pbx1-1.1_1-1", 100, 100, done=None)
    leave(tmp_path, "pbx1-1.2_1-2", 100, 100, "just now", age_s=0)
    leave(tmp_path, "pbx1-1.3_1-3", 8000, 8000, done=None, age_s=FORGOTTEN_S + 9)
    for name in ("notes.txt", "pbx1-1.4-rx.sln", "x_1-1.wav", "..done", "_1-1.done"):
        (tmp_path / name).write_text("not ours")
    (talk,) = talks(tmp_path)
    assert (talk.offer, talk.whole) == ("1-3", False) and abs(talk.ended - talk.began - 1) < 0.01


def test_a_third_file_that_the_disk_had_no_room_for_is_believed_as_far_as_it_goes(tmp_path: Path) -> None:
    for n, text in enumerate(("", "pbx1-1.1 1-1", "a b c d e", "a b 1001 inf -inf", "a b 1001 99999999999 5")):
        leave(tmp_path, f"pbx1-1.1_1-{n}", 800, 0, text)
    found = talks(tmp_path)
    assert len(found) == 5 and all(talk.began <= talk.ended < 4e9 for talk in found)
