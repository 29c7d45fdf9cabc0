"""docs/backup.rst, word for word: calls, a backup, the database is gone, a restore, and a call."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.postgres import Postgres
from tests.lab.progress import ROOT
from tests.system.centre import Centre

pytestmark = pytest.mark.timeout(300)
DOC = ROOT / "docs/backup.rst"


def commands(mark: str) -> str:
    """The shell of the block below a mark, as it stands in the page."""
    text = DOC.read_text().split(f".. {mark}\n", 1)[1].split(".. code-block:: sh\n", 1)[1]
    lines = []
    for line in text.lstrip("\n").splitlines():
        if line.strip() and not line.startswith("    "):
            break
        lines.append(line.strip())
    return "\n".join(lines)


def follow(mark: str, server: Postgres, backups: Path, etc: Path) -> None:
    """Run a block as root of these machines would. runuser leads to the lab's superuser instead of postgres."""
    assert server._bin
    backups.mkdir(exist_ok=True)
    script = commands(mark).replace("/var/backups/contactd", str(backups)).replace("-C /", f"-C {etc.parent}")
    # The lab has state_dir in that folder too, and /etc/contactd has not.
    script = script.replace("etc/contactd", f"{etc.name}/contactd.toml {etc.name}/secrets.toml")
    password = re.search(r"://\w+:(\w+)@", server.dsn)
    assert password
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", 'runuser() { shift 3; "$@"; }\n' + script],
        env={
            "PATH": f"{server._bin}:{os.environ['PATH']}",
            **{"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "contactd", "PGDATABASE": "postgres"},
            "PGPASSWORD": password[1],
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"


async def handled(centre: Centre) -> str:
    """A call from outside to anna's handset and back; its contact."""
    anna = centre.handsets["anna"]
    call = await centre.dial("5001")
    at_agent = await (await anna.next_call()).wait("confirmed")
    contact = (await centre.until_fact("ContactConnected", agent="anna")).body["contact"]
    await at_agent.hangup()
    await call.wait("disconnected")
    await centre.until_fact("ContactEnded", contact=contact)
    await centre.until(lambda: centre.now("anna")["state"] == "idle", "anna to be free")
    return str(contact)


async def restored(centre: Centre, folder: str, etc: Path, *, spool_lost: bool) -> None:
    """Another PostgreSQL takes the old one's place, from the backup."""
    stack, daemon = centre.stack, centre.stack.daemon
    old = stack.postgres
    new = Postgres(centre.folder / folder, port=old.port)
    new.folder.mkdir()
    shutil.copy(old.folder / "password", new.folder / "password")  # the lab's superuser is a role of the dump
    stack.postgres = new
    await asyncio.to_thread(new.start)
    daemon.config.unlink()
    follow("restore", new, centre.folder / "backups", etc)
    if spool_lost:
        shutil.rmtree(daemon.folder / "state")
        follow("spool-lost", new, centre.folder / "backups", etc)
    await asyncio.to_thread(daemon.migrate)
    await asyncio.to_thread(daemon.start)


async def test_a_restored_centre_knows_its_history_and_takes_a_call(tmp_path: Path) -> None:
    async with Centre(tmp_path, agents=1, queues={"sales": (5, 0)}) as centre:
        daemon = centre.stack.daemon
        etc = daemon.folder
        await centre.duty("anna")
        before = await handled(centre)

        talking = await centre.dial("5001")
        await (await centre.handsets["anna"].next_call()).wait("confirmed")
        follow("backup", centre.stack.postgres, centre.folder / "backups", etc)
        saved_epoch = int(centre.psql("SELECT epoch FROM floor")[0])
        await talking.hangup()
        await centre.until(lambda: centre.now("anna")["state"] == "idle", "anna to be free")
        after = await handled(centre)
        last = int(centre.psql("SELECT max(seq) FROM event")[0])

        # The database is gone; a call that is up does not notice, and ends while nobody can keep it.
        caller = await centre.dial("5001")
        at_agent = await (await centre.handsets["anna"].next_call()).wait("confirmed")
        await asyncio.to_thread(centre.stack.postgres.kill)
        await asyncio.to_thread(daemon.stop)
        await restored(centre, "restored", etc, spool_lost=False)
        assert (caller.state, at_agent.state) == ("confirmed", "confirmed")
        ended = {fact.body["contact"] for fact in centre.facts("kind = 'ContactEnded'", whole=True)}
        assert {before, after} <= ended
        assert int(centre.psql("SELECT max(seq) FROM event")[0]) > last
        assert not (daemon.folder / "state/spool/quarantine").exists()
        assert "whole" in daemon.ctl("verify").stdout
        await at_agent.hangup()
        await caller.wait("disconnected")
        await centre.until(lambda: centre.now("anna")["state"] == "idle", "anna to be free")
        again = await handled(centre)
        for contact in (before, after, again):
            assert "handled" in daemon.ctl("explain", contact).stdout
        used = int(centre.psql("SELECT epoch FROM floor")[0])
        assert used > saved_epoch

        # Now contactd's host is gone as well: what came after the backup is lost, and no epoch is used again.
        caller = await centre.dial("5001")
        at_agent = await (await centre.handsets["anna"].next_call()).wait("confirmed")
        await asyncio.to_thread(daemon.kill)
        await asyncio.to_thread(centre.stack.postgres.kill)
        await restored(centre, "again", etc, spool_lost=True)
        assert int(centre.psql("SELECT epoch FROM floor")[0]) > used
        assert "handled" in daemon.ctl("explain", before).stdout
        assert daemon.ctl("explain", after, check=False).returncode == 4
        found = await centre.until_fact("ContactConnected", seen_late=True)
        assert found.body["agent"] == "anna"
        await at_agent.hangup()
        await caller.wait("disconnected")
        await centre.until(lambda: centre.now("anna")["state"] == "idle", "anna to be free")
        assert "handled" in daemon.ctl("explain", await handled(centre)).stdout
        assert "whole" in daemon.ctl("verify").stdout
