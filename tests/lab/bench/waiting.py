"""Callers who wait with music and announcements: how punctual these are, and what they cost contactd."""

from __future__ import annotations

import time

from tests.lab.asterisk import tune
from tests.lab.bench import calls
from tests.lab.bench.figures import Figures, percentile
from tests.lab.bench.rig import Rig, Side
from tests.lab.process import tail, until
from tests.lab.progress import LabError

SOUND = "bench-announcement"
SOUND_S = 1
EVERY_S = 10
SECTION = f"""
[queues.bench.messages.bench]
sounds = ["{SOUND}"]
after_s = 5
every_s = {EVERY_S}
"""
LATE = """
SELECT 1000 * (extract(epoch FROM e.at) - (a.body::json ->> 'due')::float8 - {sound_s})
FROM event a JOIN event e ON e.body::json ->> 'announcement' = a.body::json ->> 'announcement'
WHERE a.kind = 'ContactAnnounced' AND e.kind = 'AnnouncementEnded' AND a.seq > {mark} AND e.seq > {mark}
"""


def announcements(rig: Rig, into: Figures) -> None:
    """From when one was due until the caller had heard it, less its length, by the PBX's own clock at its end; of all
    of them, also of those that were due together."""
    daemon, count = rig.stack.daemon, rig.scale.announced
    (rig.stack.asterisk.folder / f"share/sounds/{SOUND}.ulaw").write_bytes(tune()[: SOUND_S * 8000])
    plain = daemon.config.read_text()
    rig.sign(ready=0)
    _configure(rig, plain + SECTION)
    mark = int(rig.stack.postgres.psql("SELECT max(seq) FROM event", "contactd"))
    try:
        with calls.callers(rig, calls.new_folder(rig), Side.CONTACTD, rate=rig.scale.freed_rate, count=count):
            until(lambda: rig.metric("contactd_waiting") == count, f"{count} callers to wait", patience_s=120)
            before, began = rig.cpu_s(), time.monotonic()
            time.sleep(rig.scale.announced_s)
            spent = rig.cpu_s()["contactd"] - before["contactd"]
            into.add("announce_cpu_percent", 100 * spent / (time.monotonic() - began), "percent")
            if (held := rig.channels()) < count:
                raise LabError(f"only {held} of {count} callers are still there")
            rig.hang_up_all()
        until(lambda: rig.metric("contactd_spool_pending_bytes") == 0, "the journal to have everything", patience_s=30)
    finally:
        _configure(rig, plain)
    rows = rig.stack.postgres.psql(LATE.format(sound_s=SOUND_S, mark=mark), "contactd").split()
    late = [float(row) for row in rows]
    if len(late) < count:
        raise LabError(f"only {len(late)} announcements for {count} callers; see {tail(daemon.log)}")
    into.add("announce_jitter_p50_ms", percentile(late, 50), "ms")
    into.add("announce_jitter_ms", percentile(late, 99), "ms")


def _configure(rig: Rig, toml: str) -> None:
    daemon = rig.stack.daemon
    taken = rig.metric('contactd_config_reloads_total{result="taken"}')
    daemon.write(toml)
    daemon.hup()
    until(lambda: rig.metric('contactd_config_reloads_total{result="taken"}') > taken, "the configuration to be read")
