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


async def test_a_message_waits_in_its_queue_once_whoever_is_killed_and_an_agent_deals_with_it(
    centre: Centre, tmp_path: Path
) -> None:
    files, daemon = Files.of(centre), centre.stack.daemon

    def work(*words: str) -> Any:
        return json.loads(daemon.ctl("--json", "work", *words).stdout)

    def mails() -> list[str]:
        return [one["id"] for one in centre.contacts() if one["medium"] == "mail"]

    with Dovecot(tmp_path / "dovecot") as server:
        name = user()
        await asyncio.to_thread(server.deliver, name, message(1), message(2), message(3))
        box = BOX.format(port=server.port, ca=server.ca, name=name).replace("mailboxes.support", "mailboxes.work")
        profile = "[profiles.blended.media.voice]\n[profiles.blended.media.mail]\n"
        toml = files.toml.replace("[agents.anna]\n", '[agents.anna]\nprofile = "blended"\n')
        daemon.write(
            toml + profile + box + 'queue = "sales"\n', files.secrets + f'[mailboxes.work]\npassword = "{PASSWORD}"\n'
        )
        await files.reload("taken")
        try:
            await centre.until(lambda: len(mails()) == 3, "all to wait")
            daemon.kill()
            daemon.start()
            await centre.until(lambda: len(mails()) == 3, "them to wait again")
            await centre.until(
                lambda: centre.psql("SELECT count(*) FROM mail WHERE mailbox = 'work' AND routed") == ["3"],
                "them to be noted as routed",
            )
            await centre.sign_in("anna")
            await centre.until(lambda: [one["state"] for one in work("list", "anna")] == ["offered"], "an offer")
            first = (await asyncio.to_thread(work, "take", "anna"))["contact"]
            assert [(one["id"], one["state"]) for one in work("list")] == [(first, "busy")]
            daemon.ctl("mail", "export", first, str(tmp_path / "read.eml"))
            assert (tmp_path / "read.eml").read_bytes().startswith(b"From: a@example.org")
            assert (await asyncio.to_thread(work, "done", "anna", first))["done"] == "done"
            await centre.until_fact("ContactEnded", contact=first, outcome="handled")
            await centre.until(lambda: [one["state"] for one in work("list", "anna")] == ["offered"], "the next offer")
            second = (await asyncio.to_thread(work, "take", "anna"))["contact"]
            await asyncio.to_thread(work, "back", "anna")
            await centre.until(lambda: len(mails()) == 2, "it to wait again")
            # What is erased waits for nobody.
            for mail in {second, *mails()}:
                await asyncio.to_thread(daemon.ctl, "mail", "erase", mail, "--yes")
            await centre.until(lambda: not mails(), "them to be withdrawn", 20)
            arrived = centre.psql("SELECT contact FROM event WHERE kind = 'ContactArrived' AND body LIKE '%mail%'")
            assert len(arrived) == len(set(arrived)) == 3
            acts = centre.psql("SELECT act FROM audit WHERE act LIKE 'work-%' ORDER BY id")
            assert acts == ["work-take", "work-done", "work-take", "work-back"]
        finally:
            files.write()
