"""A whole contactd with a mailbox: taken by a reload, fetched, told, read by contactctl, ended by another reload."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.lab.mail.dovecot import PASSWORD, Dovecot
from tests.mail.boxes import message, user
from tests.system.centre import Centre
from tests.system.reloading import Files

BOX = """
[mailboxes.support]
host = "127.0.0.1"
port = {port}
tls = "starttls"
ca_file = "{ca}"
username = "{name}"
"""


def level_of(files: Files) -> str | None:
    """Of the check mail, where there is one."""
    checks: Any = files.status()["checks"]
    return next((one["level"] for one in checks if one["name"] == "mail"), None)


async def test_a_mailbox_comes_by_a_reload_and_goes_by_one(centre: Centre, tmp_path: Path) -> None:
    files, daemon = Files.of(centre), centre.stack.daemon
    with Dovecot(tmp_path / "dovecot") as server:
        name = user()
        await asyncio.to_thread(server.deliver, name, message(1), message(2, 700_000))
        box = BOX.format(port=server.port, ca=server.ca, name=name)
        daemon.write(files.toml + box, files.secrets + f'[mailboxes.support]\npassword = "{PASSWORD}"\n')
        assert "contactd_mailbox_up" in daemon.metrics() and 'mailbox="support"' not in daemon.metrics()
        await files.reload("taken")
        try:
            kept = 'contactd_mails_kept_total{mailbox="support",state="whole"}'
            await centre.until(lambda: kept in daemon.metrics() and files.metric(kept) == 2, "both to be kept")
            await centre.until(lambda: level_of(files) == "ok", "the check to be well")
            told = json.loads((await asyncio.to_thread(daemon.ctl, "--json", "mail", "boxes")).stdout)
            assert [(one["name"], one["kept"], one["unsettled"]) for one in told] == [("support", 2, 0)]
            listed = json.loads((await asyncio.to_thread(daemon.ctl, "--json", "mail", "list")).stdout)
            mail = max(listed, key=lambda one: one["bytes"])
            out = tmp_path / "one.eml"
            await asyncio.to_thread(daemon.ctl, "mail", "export", mail["id"], str(out))
            assert out.read_bytes() == message(2, 700_000) and out.stat().st_mode & 0o777 == 0o600
            text = (await asyncio.to_thread(daemon.ctl, "mail", "show", mail["id"])).stdout
            assert "a@example.org" in text and "line of 2" in text
            await asyncio.to_thread(daemon.ctl, "mail", "erase", mail["id"], "--yes")
            listed = json.loads((await asyncio.to_thread(daemon.ctl, "--json", "mail", "list")).stdout)
            assert [one["bytes"] for one in listed] == [len(message(1))]
            acts = centre.psql("SELECT act FROM audit WHERE 'mail' = ANY (fields) ORDER BY id")
            assert acts == ["read", "read", "erase"]
            # A server that is gone is a warning with a reason, and no more.
            await asyncio.to_thread(server.kill)
            await centre.until(lambda: level_of(files) == "warning", "the warning")
        finally:
            files.write()
            await files.reload("taken")
        assert 'contactd_mailbox_up{mailbox="support"}' not in daemon.metrics()
    told = " ".join(path.read_text(errors="replace") for path in [daemon.log])
    assert PASSWORD not in told and "number 1 " not in told
