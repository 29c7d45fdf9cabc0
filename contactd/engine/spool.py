"""The spool: frames on local disk until PostgreSQL has them.

write() to a preallocated file survives kill -9 and costs microseconds; a thread calls fdatasync once a second, so a
power failure loses at most that second. Waiting for a sync in the circle would cost 150 ms at p99 beside a bulk COPY.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from pathlib import Path

import structlog

from contactd.core.errors import ContactdError
from contactd.engine.frame import OVERHEAD, Frame, frames_in

log = structlog.get_logger()


class SpoolBroken(ContactdError):
    """The folder cannot be used at start; later faults are survived, see Spool.write."""


class _Segment:
    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.used = 0
        self.last_seq = 0
        self.since = time.monotonic()
        self.fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self.fd, 0, size)
        except OSError:
            os.close(self.fd)
            path.unlink(missing_ok=True)
            raise


def _pwrite(segment: _Segment, data: bytes) -> None:
    if os.pwrite(segment.fd, data, segment.used) != len(data):
        raise OSError(errno.ENOSPC, "the disk is full")


class Spool:
    """One writer. folder: its own; segment_bytes and max_bytes bound it.

    longest_s: how long a file is used. Frames hold numbers and names, and a quiet floor would keep last month's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 16 << 20,
        max_bytes: int = 512 << 20,
        longest_s: float = 86400,
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._longest_s = longest_s
        self._segments: list[_Segment] = []
        self._number = 0
        self._dirty = False
        self._write_fault: str | None = None
        self._sync_fault: str | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SpoolBroken(f"Cannot make the spool's folder {folder}: {error.strerror}. Set state_dir.") from error

    @property
    def fault(self) -> str | None:
        """Why frames are not on disk just now; None when they are."""
        return self._write_fault or self._sync_fault

    @property
    def bytes_on_disk(self) -> int:
        return sum(segment.size for segment in self._segments)

    @property
    def full(self) -> bool:
        """No new contacts from here on; what is already on the floor may use the last quarter."""
        return self.fault is not None or self.bytes_on_disk > self._max_bytes * 3 // 4

    @property
    def in_quarantine(self) -> int:
        """Files of facts that are not in the journal, until somebody takes them away."""
        try:
            return len(os.listdir(self._folder / "quarantine"))
        except OSError:
            return 0

    def left_behind(self) -> list[Frame]:
        """The frames of an earlier life, in order. Call before the first write."""
        frames: list[Frame] = []
        for path in self._old_files():
            try:
                frames += frames_in(path.read_bytes())
            except OSError as error:
                raise SpoolBroken(
                    f"Cannot read {path} ({error.strerror}), which may hold facts that PostgreSQL does not have. Mend"
                    " the disk and start again; or move the file away, and these facts are missing from the journal."
                ) from error
            self._number = max(self._number, int(path.stem))
        return frames

    def forget_old(self) -> None:
        """The journal has all that was left behind."""
        mine = {segment.path for segment in self._segments}
        for path in self._old_files():
            if path not in mine:
                path.unlink()

    def quarantine(self, name: str, data: bytes) -> Path:
        """Keep bytes that must not be lost and cannot be used, where an operator finds them."""
        folder = self._folder / "quarantine"
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / name
        path.write_bytes(data)
        return path

    def write(self, frame: Frame) -> None:
        """One write(), no sync. A full or failing disk is remembered as fault and raised to nobody: the frame is in
        the appender's memory too, and the calls go on."""
        try:
            segment = self._segment_for(len(frame.encoded))
            _pwrite(segment, frame.encoded)
            segment.used += len(frame.encoded)
            segment.last_seq = frame.last_seq
            self._dirty = True
            self._recovered()
        except OSError as error:
            if self._write_fault is None:
                log.error(
                    "spool_failed",
                    error=str(error),
                    remedy=f"Make room on the disk of {self._folder}; new calls go to the static queue until then.",
                )
            self._write_fault = str(error)

    def _try_again(self) -> None:
        """Is there room again? Without new contacts there may be no frame to find out with."""
        with contextlib.suppress(OSError):
            # Zeros are no frame, and the next one is written over them.
            _pwrite(self._segment_for(OVERHEAD), bytes(OVERHEAD))
            self._recovered()

    def _recovered(self) -> None:
        if self._write_fault is not None:
            log.info("spool_recovered", was=self._write_fault)
            self._write_fault = None

    def release(self, appended_seq: int, *, at_once: bool = False) -> bool:
        """Drop the segments that the journal has passed; the one being written stays, but for a day at most.

        at_once: that one too, since somebody is erased who may be in it. Returns whether nothing is left on disk.
        """
        while self._segments and self._segments[0].last_seq <= appended_seq:
            young = time.monotonic() - self._segments[0].since < self._longest_s
            if len(self._segments) == 1 and young and not at_once:
                break
            segment = self._segments.pop(0)
            os.close(segment.fd)
            segment.path.unlink(missing_ok=True)
        return not self._segments

    async def probe(self) -> None:
        """Whether the disk takes something new and says that it has it. Raises SpoolBroken."""
        try:
            await asyncio.to_thread(self._write_and_sync)
        except OSError as error:
            raise SpoolBroken(f"{self._folder} cannot be written to: {error.strerror}") from error

    def _write_and_sync(self) -> None:
        path = self._folder / "probe"
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, bytes(4096))
            os.fdatasync(fd)
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)

    async def sync_every_second(self) -> None:
        """fdatasync in a thread, until cancelled; and look whether a disk that failed is well again."""
        while True:
            await asyncio.sleep(1)
            if self._write_fault is not None:
                self._try_again()
            if self._dirty and self._segments:
                await self._sync(self._segments[-1].fd)

    async def _sync(self, fd: int) -> None:
        try:
            mine = os.dup(fd)
        except OSError:
            return  # no free descriptor says nothing of the disk: the next second tries again
        self._dirty = False
        try:
            await asyncio.to_thread(os.fdatasync, mine)
        except OSError as error:
            self._dirty = True
            if self._sync_fault is None:
                log.error("spool_sync_failed", error=str(error), remedy="Look at the disk's health, and replace it.")
            self._sync_fault = str(error)
        else:
            if self._sync_fault is not None:
                log.info("spool_recovered", was=self._sync_fault)
                self._sync_fault = None
        finally:
            os.close(mine)

    def close(self) -> None:
        for segment in self._segments:
            with contextlib.suppress(OSError):
                os.fdatasync(segment.fd)
            os.close(segment.fd)
        self._segments.clear()

    def _old_files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.spool") if path.stem.isdigit())

    def _segment_for(self, size: int) -> _Segment:
        if self._segments and self._segments[-1].used + size <= self._segments[-1].size:
            return self._segments[-1]
        wanted = max(self._segment_bytes, size)
        if self.bytes_on_disk + wanted > self._max_bytes and self._segments:
            raise OSError(errno.ENOSPC, f"the spool has reached its limit of {self._max_bytes >> 20} MiB")
        self._number += 1
        self._segments.append(_Segment(self._folder / f"{self._number:010d}.spool", wanted))
        return self._segments[-1]
