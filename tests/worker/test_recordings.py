"""From the PBX's folder into the store, by real workers: nothing lost, nothing twice, wherever one is killed."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contactd.core.errors import ContactdError
from contactd.core.ids import ContactId, PbxId, contact_id
from contactd.services.recording import collecting
from contactd.services.recording.collecting import Fetched, Places, fetch, tidy
from contactd.services.recording.sealing import KeyRing, opened
from contactd.store import audit, holds, recordings, voicemail
from contactd.store.audit import Who
from contactd.store.reading import reader
from contactd.store.vault import Vault
from tests.engine.journal import fetch as rows_of
from tests.services.test_recording_files import leave, leave_message

CALLER = "018bcfe5-6800-7000-8000-000000000001"
CONSULT = "018bcfe5-6800-7000-8000-000000000002"
T = int(time.time()) - 600
"""When the calls began."""
CALL = f"pbx1-{T}.1"
ME = Who(os.getuid())
KEYS = KeyRing([bytes(range(32))])


async def fact(dsn: str, seq: int, kind: str, contact: str, agent: str | None = None, **body: Any) -> None:
    text = json.dumps({"kind": kind, "contact": contact, **body})
    await rows_of(
        dsn,
        "INSERT INTO event (floor, seq, at, kind, version, contact, agent, body)"
        " VALUES (1, $1, now(), $2, 1, $3::text::uuid, $4, $5)",
        *(seq, kind, contact, agent, text),
    )


@pytest.fixture
async def journal(database: str) -> str:
    """Two talks: of a caller from sales, and of an agent who asked and put the caller through."""
    await fact(database, 1, "ContactQueued", CALLER, queue="support")
    await fact(database, 2, "ContactQueued", CALLER, queue="sales")
    await fact(database, 3, "ContactOffered", CALLER, "anna", offer="1-3")
    await fact(database, 4, "ContactQueued", CONSULT, queue="support")
    await fact(database, 5, "ContactOffered", CONSULT, "bilal", offer="1-5")
    await fact(database, 6, "ContactEnded", CONSULT)
    await fact(database, 7, "ContactConnected", CALLER, "bilal")
    await fact(database, 8, "RecordingStarted", CALLER, "bilal", offer="1-5", passed_on=CONSULT)
    return database


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("inbox", "store"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "inbox", tmp_path / "store", 1, "pbx1", 90, {"sales": 10})


@contextlib.asynccontextmanager
async def worker(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with reader(dsn, writes=True, role="contactd_worker") as connection:
        yield connection


async def run(dsn: str, places: Places, keys: KeyRing = KEYS) -> Fetched:
    async with worker(dsn) as connection:
        done = await fetch(connection, places, keys, lambda _: None)
        await tidy(connection, places, keys, done)
    return done


def talk(places: Places, offer: str, age_s: float = 60) -> None:
    leave(places.inbox, f"{CALL}_{offer}", 16_000, 16_000, f"c {offer} 1001 {T} {T + 2}", age_s)


def files(places: Places) -> list[Path]:
    return sorted(path for path in places.store.rglob("*") if path.is_file())


async def test_a_talk_is_encrypted_indexed_by_contact_and_gone_from_the_pbx(journal: str, places: Places) -> None:
    talk(places, "1-3")
    assert (await run(journal, places)).fetched == 1
    assert not list(places.inbox.iterdir())
    async with reader(journal, writes=True) as desk:
        (one,) = await recordings.listed(desk, 9, contact=CALLER)
        assert (one.agent, one.queue, one.seconds, one.whole, one.hold) == ("anna", "sales", 2.0, True, False)
        assert abs(one.expires - (T + 10 * 86400)) < 1
        (file,) = files(places)
        assert file == places.store / one.path and file.stat().st_mode & 0o777 == 0o600
        assert b"RIFF" not in file.read_bytes()
        blob = await recordings.reveal(desk, ME, one)
        assert blob is not None
        key = KEYS.unwrap(blob.key_id, blob.key, blob.id)
        with file.open("rb") as sealed, wave.open(io.BytesIO(b"".join(opened(sealed, key, blob.id)))) as made:
            assert (made.getnchannels(), made.getnframes()) == (2, 16_000)
        (read,) = [row for row in await audit.kept(desk, 9) if row.act == "read"]
        assert (read.contact, read.fields, read.outcome) == (CALLER, ("recording",), one.id)


async def test_nobody_reads_a_key_past_the_audit(journal: str, places: Places) -> None:
    talk(places, "1-3")
    await run(journal, places)
    async with reader(journal, writes=True) as desk:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await desk.fetch("SELECT key FROM blob")
        assert not await desk.fetch("SELECT * FROM reveal_blob(1)")


async def test_who_was_put_through_owns_the_recording_too(journal: str, places: Places) -> None:
    talk(places, "1-5")
    await run(journal, places)
    assert set(await rows_of(journal, "SELECT contact::text FROM recording")) == {CALLER, CONSULT}


async def test_what_the_journal_does_not_know_yet_waits_and_after_a_day_goes_by_its_call(
    journal: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(places.inbox, f"{CALL}_1-99", 8000, 8000, f"c 1-99 1001 {T} {T + 1}")
    done = await run(journal, places)
    assert (done.fetched, done.waiting, len(list(places.inbox.iterdir()))) == (0, 1, 3)
    monkeypatch.setattr(collecting, "_UNKNOWN_S", 60.0)
    assert (await run(journal, places)).fetched == 1
    assert await rows_of(journal, "SELECT contact::text FROM recording") == [contact_id(PbxId("pbx1"), CALL, T)]


async def test_what_is_shorter_than_the_talk_was_is_not_whole(journal: str, places: Places) -> None:
    leave(places.inbox, f"{CALL}_1-3", 8000, 8000, f"c 1-3 1001 {T} {T + 60}")
    await run(journal, places)
    assert await rows_of(journal, "SELECT whole FROM recording") == [False]


STEPS = ["before", "written", "kept", "half_removed"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_that_dies_anywhere_loses_nothing_and_makes_nothing_twice(
    journal: str, places: Places, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As SIGKILL has it: nothing of ours runs any more, not even what cleans up."""

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    real_unlink, real_write, removed = Path.unlink, collecting._write, []

    def half(self: Path, missing_ok: bool = False) -> None:
        if removed:
            raise Killed
        removed.append(self)
        real_unlink(self, missing_ok=missing_ok)

    def written(*arguments: Any) -> Any:
        real_write(*arguments)
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
        raise Killed

    talk(places, "1-3")
    with monkeypatch.context() as patch:
        match step:
            case "before":
                patch.setattr(collecting, "_write", dies)
            case "written":
                patch.setattr(collecting, "_write", written)
            case "kept":
                patch.setattr("contactd.services.recording.inbox.Talk.remove", dies)
            case "half_removed":
                patch.setattr(Path, "unlink", half)
        with pytest.raises(Killed):
            await run(journal, places)
    monkeypatch.undo()
    await run(journal, places)
    assert not list(places.inbox.iterdir())
    (path,) = await rows_of(journal, "SELECT path FROM blob")
    assert places.store / str(path) in files(places)
    orphans = [file for file in files(places) if file != places.store / str(path)]
    assert len(orphans) == (step == "written")
    for file in orphans:
        os.utime(file, (1, 1))
    done = await run(journal, places)
    assert files(places) == [places.store / str(path)] and done.swept == len(orphans) and done.fetched == 0


async def test_two_workers_at_once_keep_one(journal: str, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    talk(places, "1-3")
    monkeypatch.setattr("contactd.services.recording.inbox.Talk.remove", lambda _: None)
    first = await run(journal, places)

    async def not_yet(*_: Any) -> bool:
        return False

    monkeypatch.setattr(recordings, "kept", not_yet)  # the other one looked before
    second = await run(journal, places)
    assert (first.fetched, second.fetched, len(files(places))) == (1, 0, 1)
    async with reader(journal, writes=True) as desk:
        (one,) = await recordings.listed(desk, 9)
    assert files(places) == [places.store / one.path]


async def test_time_ends_what_is_not_held_and_a_hold_ends_when_it_is_released(journal: str, places: Places) -> None:
    talk(places, "1-3")
    await run(journal, places)
    async with reader(journal, writes=True) as desk:
        (one,) = await recordings.listed(desk, 9)
        assert await recordings.hold(desk, ME, one, held=True, why="case 4711")
        assert not await recordings.hold(desk, ME, one, held=True, why="again")
    await rows_of(journal, "UPDATE blob SET expires = now() - interval '1 day'")
    assert (await run(journal, places)).expired == 0 and files(places)
    async with reader(journal, writes=True) as desk:
        assert await recordings.hold(desk, ME, one, held=False, why="over")
    assert (await run(journal, places)).expired == 1 and not files(places)
    assert not await rows_of(journal, "SELECT 1 FROM recording")


async def test_erasing_a_contact_shreds_its_recordings_but_what_is_held(journal: str, places: Places) -> None:
    for offer in ("1-3", "1-5"):
        talk(places, offer)
    await run(journal, places)
    async with reader(journal, writes=True) as desk:
        (held,) = await recordings.listed(desk, 9, contact=CONSULT)
        await recordings.hold(desk, ME, held, held=True, why="case 4711")
        gone = await audit.erase(desk, ME, "a test", audit.ContactId(CALLER))
        assert (gone.recordings, gone.held) == (1, 1)
        assert [one.id for one in await recordings.listed(desk, 9)] == [held.id]
        with pytest.raises(asyncpg.RaiseError):
            await recordings.erase(desk, 1, [CONSULT])
    for file in files(places):
        os.utime(file, (1, 1))
    assert (await run(journal, places)).swept == 1 and files(places) == [places.store / held.path]


async def test_who_is_held_by_law_keeps_the_recordings_too_whatever_their_age(journal: str, places: Places) -> None:
    for offer in ("1-3", "1-5"):
        talk(places, offer)
    await run(journal, places)
    await rows_of(journal, "UPDATE blob SET expires = now() - interval '1 day'")
    async with reader(journal, writes=True) as desk:
        await holds.hold_contact(desk, Vault(), ME, ContactId(CONSULT), "case 4711", None)
        gone = await audit.erase(desk, ME, "a test", audit.ContactId(CALLER))
        # The second talk is of both.
        assert (gone.recordings, gone.held) == (1, 1)
    assert (await run(journal, places)).expired == 0
    async with reader(journal, writes=True) as desk:
        assert [one.contacts for one in await recordings.listed(desk, 9)] == [tuple(sorted((CALLER, CONSULT)))]
        assert await holds.release(desk, ME, contact=ContactId(CONSULT)) == 1
    assert (await run(journal, places)).expired == 1 and not await rows_of(journal, "SELECT 1 FROM recording")


async def test_a_new_key_wraps_what_the_old_one_did(journal: str, places: Places) -> None:
    talk(places, "1-3")
    await run(journal, places)
    new = KeyRing([bytes(32), bytes(range(32))])
    assert (await run(journal, places, new)).rewrapped == 1
    ((key_id, key, blob),) = await rows_of(journal, "SELECT key_id, key, id::text FROM blob")
    assert key_id == new.current and len(KeyRing([bytes(32)]).unwrap(key_id, key, blob)) == 32


async def test_a_full_store_leaves_the_talk_where_it_is_and_half_a_file_nowhere(
    journal: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(places, "1-3")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(collecting.os, "fsync", full)
        done = await run(journal, places)
    assert done.trouble and not files(places) and len(list(places.inbox.iterdir())) == 3
    assert (await run(journal, places)).fetched == 1


async def test_a_folder_that_cannot_be_read_is_told_with_the_remedy(journal: str, places: Places) -> None:
    places.inbox.rmdir()
    with pytest.raises(ContactdError, match="the folder that the PBX records"):
        await run(journal, places)


async def message_left(places: Places, queue: str, level: int = 3000, call: str = CALL) -> None:
    leave_message(places.inbox, f"{call}_m{T}", level, 2, f"{call} mailbox {queue} {T} {T + 2}")


@pytest.fixture
def boxes(places: Places) -> Places:
    return dataclasses.replace(places, queues=frozenset({"sales", "support"}), default_queue="support")


@pytest.mark.parametrize(("told", "queue"), [("sales", "sales"), ("closed-down", "support")])
async def test_a_message_is_kept_once_for_the_people_of_its_queue_by_the_callers_contact(
    journal: str, boxes: Places, told: str, queue: str
) -> None:
    await message_left(boxes, told)
    assert (await run(journal, boxes)).fetched == 1
    # Once more, as after a death between keeping and removing.
    await message_left(boxes, told)
    assert (await run(journal, boxes)).fetched == 0
    assert not list(boxes.inbox.iterdir())
    async with reader(journal, writes=True) as desk:
        (one,) = await voicemail.listed(desk, None, 9, done=False)
        assert (one.contact, one.queue, one.seconds) == (contact_id(PbxId("pbx1"), CALL, T), queue, 2.0)
        (kept,) = await recordings.listed(desk, 9, contact=one.contact)
        assert (kept.id, kept.queue, kept.agent) == (one.id, queue, None)
        assert abs(kept.expires - (T + (10 if queue == "sales" else 90) * 86400)) < 1
        assert await voicemail.settle(desk, ME, one, done=True)
        assert not await voicemail.settle(desk, ME, one, done=True)
        assert await voicemail.listed(desk, None, 9, done=False) == []
        # A legal hold keeps it; then it goes with whoever left it.
        assert await recordings.hold(desk, ME, kept, held=True, why="case 4711")
        assert (await audit.erase(desk, ME, "contactctl", ContactId(one.contact))).held == 1
        assert await recordings.hold(desk, ME, kept, held=False, why="settled")
        assert (await audit.erase(desk, ME, "contactctl", ContactId(one.contact))).recordings == 1
        assert await voicemail.listed(desk, None, 9, done=True) == []


async def test_a_message_in_which_nobody_speaks_is_none(journal: str, boxes: Places) -> None:
    await message_left(boxes, "sales", level=60)
    done = await run(journal, boxes)
    assert (done.fetched, done.silent) == (0, 1) and not list(boxes.inbox.iterdir()) and not files(boxes)


async def test_two_messages_of_one_call_are_two(journal: str, boxes: Places) -> None:
    await message_left(boxes, "sales")
    leave_message(boxes.inbox, f"{CALL}_m{T + 40}", 3000, 2, f"{CALL} mailbox support {T + 40} {T + 42}")
    assert (await run(journal, boxes)).fetched == 2
    async with reader(journal) as desk:
        assert [one.queue for one in await voicemail.listed(desk, None, 9, done=False)] == ["sales", "support"]
        assert [one.queue for one in await voicemail.listed(desk, "sales", 9, done=False)] == ["sales"]
