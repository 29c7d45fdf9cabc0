"""Where recordings come from and go to, on this host."""

from __future__ import annotations

import os
from pathlib import Path

from contactd.config import Settings
from contactd.ctl.doctor.files import USER
from contactd.ctl.doctor.findings import Subject
from contactd.services.recording.watching import look, records


def check_recordings(host: Subject, settings: Settings, daemon: int) -> None:
    """Nothing, where nothing is recorded."""
    if not records(settings):
        return
    section = settings.recording
    seen = look(settings)
    if seen.trouble:
        host.error("recording", seen.trouble, f"{seen.remedy}.")
        return
    store = Path(section.store).stat()
    if daemon not in (0, store.st_uid) or store.st_mode & 0o077:
        host.error(
            "recording",
            f"{section.store} is not the daemon's alone",
            f"Run: install -d -o {USER} -g {USER} -m 0700 {section.store}",
        )
    elif os.geteuid() == daemon and not os.access(section.inbox, os.R_OK | os.W_OK | os.X_OK):
        host.error(
            "recording",
            f"{section.inbox} may not be read and emptied by {USER}",
            f"Run: install -d -o asterisk -g {USER} -m 2770 {section.inbox}",
        )
    else:
        free = min(seen.free.values()) >> 20
        host.ok("recording", f"{section.inbox} and {section.store} are there, with {free} MiB left")
