"""From the PBX's folder into the store: each talk made one WAV, encrypted, indexed, and only then removed there.

It may be ended anywhere, and run twice at once: a file has a name that nobody else writes to, its row says which one
counts, and what no row names is swept away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from contactd.core.errors import ContactdError
from contactd.core.ids import PbxId, contact_id
from contactd.services.recording.inbox import RATE_HZ, Talk, talks
from contactd.services.recording.sealing import KeyRing, fresh_key, seal
from contactd.store import recordings as rows

log = structlog.get_logger()

_DAY_S = 86400.0
_UNKNOWN_S = 86400.0
"""So long a talk waits for the journal to know its offer: after that its call alone says whose it is."""
_SHORT_S = 5.0
HEARD_S = 1.0
"""A message in which less than this is spoken is none."""
_REWRAPPED = 1000


class NotFetched(ContactdError):
    """The folders cannot be used."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where recordings come from and go to, and for how long. pbx: the only one's name, for calls that name none."""

    inbox: Path
    store: Path
    floor: int
    pbx: str
    keep_days: int
    queue_days: Mapping[str, int]
    queues: frozenset[str] = frozenset()
    """For which messages may be; one for another goes to default_queue."""
    default_queue: str = ""

    def keep_s(self, queue: str | None) -> float:
        return self.queue_days.get(queue or "", self.keep_days) * _DAY_S


@dataclass(slots=True)
class Fetched:
    """What one run did."""

    fetched: int = 0
    waiting: int = 0
    """The journal does not know their offers yet."""
    empty: int = 0
    silent: int = 0
    """Messages in which nobody spoke."""
    expired: int = 0
    swept: int = 0
    """Files that no row names: of erased people, and of runs that were broken off."""
    rewrapped: int = 0
    trouble: list[str] = field(default_factory=list)


async def fetch(connection: Any, places: Places, keys: KeyRing, report: Callable[[Mapping[str, Any]], None]) -> Fetched:
    """Everything that is whole. Raises NotFetched when the inbox cannot be read."""
    done = Fetched()
    try:
        found = talks(places.inbox)
    except OSError as error:
        raise NotFetched(
            f"{places.inbox} cannot be read ({error.strerror}): contactd's worker needs the folder that the PBX records"
            " into (docs/recording.rst)."
        ) from error
    for talk in found:
        try:
            await _fetch_one(connection, places, keys, talk, done)
        except FileNotFoundError:
            continue  # another worker was faster
        except OSError as error:
            # The next talk may be smaller, or lie elsewhere; this one stays where it is.
            done.trouble.append(f"{talk.stem.name}: {error.strerror or error}")
            log.error(
                "recording_not_fetched",
                recording=talk.stem.name,
                error=str(error),
                remedy=f"It stays in {places.inbox}. Make room in {places.store}, and see that contactd may write it.",
            )
        report({"fetched": done.fetched})
    return done


async def _fetch_one(connection: Any, places: Places, keys: KeyRing, talk: Talk, done: Fetched) -> None:
    blob = blob_id(talk)
    if await rows.kept(connection, blob):
        talk.remove()
        return
    if not talk.samples:
        # The dialplan has told: RecordingFailed.
        done.empty += 1
        talk.remove()
        return
    if talk.message and talk.heard_s() < HEARD_S:
        # Nobody spoke: the caller hung up after the tone.
        done.silent += 1
        talk.remove()
        return
    of = _of_message(places, talk) if talk.message else await rows.owned(connection, places.floor, talk.offer)
    if of is None:
        if time.time() - talk.ended < _UNKNOWN_S:
            done.waiting += 1
            return
        of = _by_call(places, talk)
        log.warning("recording_of_no_offer", offer=talk.offer, contact=of.contacts[0])
    path = places.store / datetime.fromtimestamp(talk.began, UTC).strftime("%Y/%m/%d")
    path = path / f"{blob}-{secrets.token_hex(4)}.rec"
    key = fresh_key()
    try:
        digest, size = _write(talk, path, key, blob)
        seconds = talk.samples / RATE_HZ
        short = talk.ended - talk.began - seconds > max(_SHORT_S, 0.1 * seconds)
        row = rows.Blob(blob, digest, size, str(path.relative_to(places.store)), keys.current, keys.wrap(key, blob))
        whole = talk.whole and not short
        kept = await rows.keep(
            connection,
            row,
            of,
            talk.offer,
            began=talk.began,
            seconds=seconds,
            whole=whole,
            keep_s=places.keep_s(of.queue),
            message=talk.message,
        )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if not kept:
        path.unlink(missing_ok=True)
    done.fetched += kept
    talk.remove()
    log.info("recording_kept", recording=blob, contact=of.contacts[0], seconds=round(seconds, 1), whole=whole)


def blob_id(talk: Talk) -> str:
    """The same whoever fetches it, however often."""
    digest = hashlib.sha256(f"recording\0{talk.call}\0{talk.offer}".encode()).hexdigest()
    # The form of a UUID (version 8, RFC 9562): its own bits say nothing.
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _by_call(places: Places, talk: Talk) -> rows.Owned:
    pbx = PbxId(talk.call.rpartition("-")[0] or places.pbx)
    return rows.Owned([contact_id(pbx, talk.call, talk.began)], None, None)


def _of_message(places: Places, talk: Talk) -> rows.Owned:
    """The caller's own contact; a message over which Asterisk died names no queue."""
    queue = talk.endpoint if talk.endpoint in places.queues else places.default_queue
    return rows.Owned(_by_call(places, talk).contacts, None, queue)


def _write(talk: Talk, path: Path, key: bytes, blob: str) -> tuple[bytes, int]:
    """On the disk when it returns, name and all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        told = seal(talk.wave(), out, key, blob)
        out.flush()
        os.fsync(out.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return told


async def tidy(connection: Any, places: Places, keys: KeyRing, done: Fetched) -> None:
    """What is old goes, what no row names goes, and every key is wrapped by the current one."""
    for path in await rows.expire(connection):
        (places.store / path).unlink(missing_ok=True)
        done.expired += 1
    kept = await rows.paths(connection)
    for file in places.store.rglob("*.rec"):
        # One that is being written has no row yet.
        if str(file.relative_to(places.store)) not in kept and time.time() - file.stat().st_mtime > _DAY_S:
            file.unlink(missing_ok=True)
            done.swept += 1
    for blob, key_id, wrapped in await rows.of_other_keys(connection, keys.current, _REWRAPPED):
        await rows.rewrap(connection, blob, keys.current, keys.wrap(keys.unwrap(key_id, wrapped, blob), blob))
        done.rewrapped += 1
