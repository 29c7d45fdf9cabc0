"""The configuration in force as JSON and as a check: is it what the files say?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contactd.reload import Reload
from contactd.web.health import Check, Level


def view(reload: Reload) -> dict[str, Any]:
    """For contactctl status."""
    return {
        "path": reload.settings.path,
        "files": sorted(reload.settings.texts),
        "sha256": reload.settings.sha256,
        "loaded_at": reload.loaded_at,
        "refused": reload.refused,
        "restart_pending": [change.json() for change in reload.pending],
    }


def check(reload: Reload) -> Check:
    """Callers are served by what is in force; but a restart would find something else in the files."""
    if reload.refused:
        return Check(
            "configuration",
            Level.WARNING,
            "the last reload took nothing; the configuration before it is in force",
            "contactctl plan tells why. Mend the files before contactd is restarted, then reload",
        )
    if reload.pending:
        keys = ", ".join(change.key for change in reload.pending)
        return Check(
            "configuration",
            Level.WARNING,
            f"what the files say of {keys} waits for a restart",
            "systemctl restart contactd: calls and waiting callers stay",
        )
    at = datetime.fromtimestamp(reload.loaded_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Check("configuration", Level.OK, f"that of {reload.settings.path} at {at}")
