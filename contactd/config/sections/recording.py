"""Recordings of talks: where the PBX leaves them, where they are kept, and for how long."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contactd.config.sections import words


class Recording(Struct, frozen=True, kw_only=True):
    """Which talks are recorded, [queues.<id>] and [agents.<id>] say (docs/recording.rst). The secrets file has the key
    that they are encrypted with."""

    inbox: words.Path = "/var/spool/asterisk/contactd"
    """Where the PBX leaves them, as contactd and its worker see the folder: CONTACTD_RECORDINGS of the dialplan."""
    store: words.Path = "/var/lib/contactd/recordings"
    """Where the worker keeps them, encrypted."""
    keep_days: words.Days = 90
    """How long, counted from the talk. ``record_days`` of a queue goes before it."""
    min_free_mb: Annotated[int, Meta(ge=1, le=1048576, description="MiB, 1 to 1048576")] = 1024
    """With less room than this in ``inbox`` or ``store`` there is an alarm. A talk takes 2 MiB a minute."""


class RecordingSecrets(Struct, frozen=True, kw_only=True):
    """With what recordings are encrypted. Keep a copy where no fire reaches it: without the key they are lost."""

    key: words.SealingKey | None = None
    """The key. Left out: talks are not fetched from the PBX; it is needed wherever something is recorded."""
    old_keys: tuple[words.SealingKey, ...] = ()
    """Keys of before, until the worker's daily job ``recordings`` has wrapped all data keys with the new one."""
