"""kill -9 while callers wait, and the way back: a start from a snapshot with a long journal behind it."""

from __future__ import annotations

import json
import time

from tests.lab.bench import calls
from tests.lab.bench.figures import Figures
from tests.lab.bench.rig import Rig, Side
from tests.lab.process import tail, until
from tests.lab.progress import LabError


def recovery(rig: Rig, into: Figures) -> None:
    """Until the new contactd has all of them on its floor and the PBX is compared."""
    count = rig.scale.restart_waiting
    daemon = rig.stack.daemon
    rig.sign(ready=0)
    with calls.callers(rig, calls.new_folder(rig), Side.CONTACTD, rate=rig.scale.freed_rate, count=count):
        until(lambda: rig.metric("contactd_waiting") == count, f"{count} callers to wait", patience_s=60)
        started = time.monotonic()
        daemon.kill()
        daemon.start(wait=False)
        until(
            lambda: rig.metric("contactd_waiting") == count and rig.metric("contactd_pbx_steered") == 1,
            f"{count} callers to be back",
            patience_s=60,
            hint=lambda: tail(daemon.log),
        )
        into.add("restart_recovery_s", time.monotonic() - started, "s")
        if (held := rig.channels()) < count:
            raise LabError(f"only {held} of {count} callers outlived the restart")
        rig.hang_up_all()
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if '"floor_taken"' in line]
    into.add("restart_events_read", lines[-1]["events_read"], "events")
    into.add("restart_journal_events", lines[-1]["seq"], "events")
