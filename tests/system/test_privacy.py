"""A caller's number and name are where docs/security.rst says, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import urllib.request
from pathlib import Path

from tests.lab.progress import ROOT
from tests.system.centre import Centre
from tests.system.telling import talk
from tests.system.test_hostile import private, rows_with

NUMBER, NAME = "4930887766551", "Rumpelstilzchen"
LOOKS = [
    ("status", "--json"),
    ("contacts", "--json"),
    ("contacts", "--past", "20", "--json"),
    ("explain", "CONTACT"),
    ("explain", "CONTACT", "--json"),
    ("audit", "--json"),
]


def files_with(folder: Path, *needles: str) -> set[str]:
    """The files below a folder in which one of these occurs, by their paths."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and any(needle.encode() in path.read_bytes() for needle in needles):
            found.add(str(path.relative_to(folder)))
    return found


async def test_a_number_and_a_name_are_kept_in_one_table_and_in_the_spool(centre: Centre) -> None:
    daemon = centre.stack.daemon
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001", display=NAME, number=NUMBER)
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    contact = (await centre.until_fact("ContactConnected")).body["contact"]
    # What shows the floor, while the call is on it and after.
    looks = [[contact if word == "CONTACT" else word for word in look] for look in LOOKS]

    def said() -> str:
        return "".join(done.stdout + done.stderr for look in looks for done in [daemon.ctl(*look)])

    shown = await asyncio.to_thread(said)
    await call.hangup()
    await centre.story()
    await centre.until(lambda: private(centre, contact) == (NUMBER, NAME), "number and name to be kept")
    assert contact in shown
    numbers = await asyncio.to_thread(
        lambda: urllib.request.urlopen(f"http://127.0.0.1:{daemon.web_port}/metrics").read()
    )
    for needle in (NUMBER, NAME):
        assert needle not in shown
        assert needle.encode() not in numbers
        assert not rows_with(centre, needle)
    places = files_with(daemon.folder, NUMBER, NAME)
    assert places and all(re.fullmatch(r"state/spool/\d+\.spool", place) for place in places), places

    # Looked at, and written down; erased, and gone.
    revealed = daemon.ctl("explain", contact, "--reveal").stdout
    assert NUMBER in revealed and NAME in revealed
    daemon.ctl("erase", contact, "--yes")
    rows = json.loads(daemon.ctl("--json", "audit", contact).stdout)
    assert [(row["act"], row["uid"], row["login"]) for row in rows] == [
        (act, os.getuid(), "contactd_app") for act in ("erase", "read")
    ]
    assert private_is_gone(centre, contact)
    assert not rows_with(centre, NUMBER) and not rows_with(centre, NAME)
    assert "handled" in daemon.ctl("explain", contact).stdout


def private_is_gone(centre: Centre, contact: str) -> bool:
    return not centre.psql(f"SELECT 1 FROM contact_private WHERE contact = '{contact}'")


async def test_who_acts_and_reloads_is_written_down(centre: Centre) -> None:
    daemon = centre.stack.daemon
    (mark,) = centre.psql("SELECT coalesce(max(id), 0) FROM audit")
    await centre.handset("anna")
    await centre.until(lambda: centre.now("anna")["handset"] == "free", "anna's handset to be free")
    daemon.ctl("sign-in", "anna")
    before = daemon.log.read_text().count("configuration_loaded")
    daemon.hup()
    await centre.until(lambda: daemon.log.read_text().count("configuration_loaded") > before, "the reload")
    acts = f"SELECT concat_ws(' ', act, agent, uid) FROM audit WHERE id > {mark}"
    wanted = {f"sign-in anna {os.getuid()}", "reload"}
    await centre.until(lambda: wanted <= set(centre.psql(acts)), f"{wanted} in {centre.psql(acts)}")
    assert "sign-in" in daemon.ctl("audit").stdout


def test_the_paper_names_every_table_with_personal_data() -> None:
    paper = (ROOT / "docs/security.rst").read_text()
    for table in (
        "contact_private",
        "agent_span",
        "audit",
        "event",
        "contact",
        "config_version",
        "party_identity",
        "party_private",
        "party_note",
    ):
        assert f"``{table}``" in paper
