"""contactctl doctor."""

from __future__ import annotations

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("doctor")
def command(door: Door) -> Exit | None:
    """Test everything round contactd: PBX, way to it, database, files, handsets.

    Needs no running daemon, but its configuration and secrets: root, or the user contactd. Changes nothing. Inside
    each PBX it places one call of a second to itself, if the secrets file has a test_secret; no handset rings.
    """
    from contactd.ctl.doctor.run import examine
    from contactd.ctl.doctor.telling import as_json, show

    found = examine(door.config_path, door.socket_path)
    door.show(as_json(found), lambda _: show(found))
    return None if found.fine else Exit.DEGRADED
