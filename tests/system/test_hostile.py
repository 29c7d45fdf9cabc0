"""What the outside world may send, and what it must not reach: headers, the journal, the PBX's own commands."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from hashlib import sha1
from urllib.parse import urlsplit

import pytest

from tests.lab.phones import raw_invite
from tests.system.centre import Centre
from tests.system.manager import Manager
from tests.system.telling import kinds, talk

HOSTILE = {
    "quotes": 'Eve "; DROP\\TABLE event; --',
    "ami": "Eve Variable: X=needle1",
    "agi": "HANGUP needle2",
    "dialplan": "${SHELL(touch needle3)},1)&PJSIP/1002",
    "utf8": "Ève Ünïcødé 电话 needle4",
    "long": "needle5" + "x" * 600,
}


def rows_with(centre: Centre, needle: str) -> list[str]:
    """The tables, all but contact_private, in which a text occurs; read whole, bytes too."""
    tables = centre.psql(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    found = []
    for table in tables:
        where = f"t::text ILIKE '%{needle}%' OR t::text LIKE '%{needle.encode().hex()}%'"
        if table != "contact_private" and centre.psql(f"SELECT 1 FROM {table} t WHERE {where} LIMIT 1"):
            found.append(table)
    return found


def private(centre: Centre, contact: str) -> tuple[str, str]:
    """Number and name, as they are: control characters too."""
    (row,) = centre.psql(f"SELECT json_build_array(ani, name) FROM contact_private WHERE contact = '{contact}'")
    ani, name = json.loads(row)
    return ani or "", name or ""


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_name_is_only_a_name(centre: Centre, kind: str) -> None:
    name = HOSTILE[kind]
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001", display=name, number="4930555019")
    at_anna = await (await anna.next_call()).wait("confirmed")
    await talk(call, at_anna)
    # In the agent's telephone it is a name and nothing else.
    known = {"via", "from", "to", "contact", "call-id", "cseq", "allow", "supported", "session-expires", "min-se"}
    known |= {"max-forwards", "user-agent", "content-type", "content-length"}
    assert set(at_anna.headers) <= known, at_anna.headers
    assert "\n" not in at_anna.remote and "4930555019" in at_anna.remote
    await call.hangup()
    story = await centre.story()
    assert kinds(story) == [
        *("ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected", "TalkEnded", "ContactEnded"),
    ]
    ani, kept = private(centre, story[0].body["contact"])
    assert ani == "4930555019"
    # As it was meant, from its beginning: SIP's escapes are undone.
    assert kept and name.startswith(kept), kept
    if kind == "quotes":
        assert kept == name
    for needle in ("needle", "DROP", "4930555019", "Ünïcødé"):
        assert not rows_with(centre, needle)
    log = centre.stack.daemon.log.read_text()
    assert "needle" not in log and "4930555019" not in log


@pytest.mark.parametrize(
    "sender",
    [
        b'"Eve\rVariable: X=needle6" <sip:666@127.0.0.1>',
        b'"Eve\r\nX-Evil: needle7" <sip:666@127.0.0.1>',
        b'"Eve\x00needle8" <sip:666@127.0.0.1>',
        b'"Eve\xff\xfeneedle9" <sip:666@127.0.0.1>',
        b"<sip:666%0d%0aVariable:%20needle10@127.0.0.1>",
        b"<sip:" + b"6" * 500 + b"@127.0.0.1>",
        b'"Eve" <sip:666%22%3bneedle11@127.0.0.1>',
    ],
    ids=["cr", "crlf", "nul", "latin", "escaped-crlf", "long", "escaped-quote"],
)
async def test_what_no_decent_telephone_sends_hurts_nobody(centre: Centre, sender: bytes) -> None:
    (anna,) = await centre.duty("anna")
    async with raw_invite("5001", port=centre.stack.asterisk.sip_port, from_=sender) as call:
        try:
            code = await call.wait(200, timeout_s=3)
        except AssertionError:
            code = 0  # SIP's own parser threw it away
        if code == 200:
            at_anna = await (await anna.next_call()).wait("confirmed")
            assert not {"x-evil", "variable"} & set(at_anna.headers)
            await at_anna.hangup()
            story = await centre.story()
            assert kinds(story)[:4] == ["ContactArrived", "ContactQueued", "ContactOffered", "ContactConnected"]
            ani, name = private(centre, story[0].body["contact"])
            assert len(ani) <= 256 and (ani + name).isprintable()
    assert not rows_with(centre, "needle")
    # And the next call works.
    good = await centre.dial("5001")
    await centre.until_agent("anna", state="busy")
    await good.hangup()


async def test_a_hostile_dialled_number_is_no_dialplan(centre: Centre) -> None:
    async with raw_invite("+4930$%7BSHELL(x)%7D%2C1%0d%0aagi_x%3ay", port=centre.stack.asterisk.sip_port) as call:
        await call.wait(200, timeout_s=5)
        await centre.until_queued(1)
        arrived = await centre.until_fact("ContactArrived")
        assert re.fullmatch(r"[+0-9]+", arrived.body["dnis"]), arrived.body


# --- AGI ------------------------------------------------------------------------------------------------------------


def agi_address(centre: Centre) -> tuple[str, int]:
    shown = centre.stack.asterisk.cli("dialplan show globals")
    host, _, port = re.findall(r"CONTACTD_AGI=(\S+)", shown)[0].rpartition(":")
    return host, int(port)


async def say(centre: Centre, verb: str, *arguments: str, uniqueid: str = "pbx1-1.1") -> str:
    """A hand-made AGI request; what contactd said to it before it closed, or in half a second."""
    reader, writer = await asyncio.open_connection(*agi_address(centre))
    lines = [
        *(f"agi_network_script: {verb}", f"agi_request: agi://x/{verb}", "agi_channel: PJSIP/evil-00000001"),
        *(f"agi_uniqueid: {uniqueid}", "agi_network: yes", "agi_callerid: 666", "agi_calleridname: Eve"),
        *(f"agi_arg_{n}: {argument}" for n, argument in enumerate(arguments, 1)),
    ]
    writer.write(("\n".join(lines) + "\n\n").encode())
    try:
        async with asyncio.timeout(0.5):
            return (await reader.read(1000)).decode()
    except TimeoutError:
        return "(nothing, and open)"
    finally:
        writer.close()


async def test_a_hand_made_agi_request_is_refused_and_a_token_works_once(centre: Centre) -> None:
    shown = centre.stack.asterisk.cli("dialplan show globals")
    key = re.findall(r"CONTACTD_KEY=(\S+)", shown)[0]

    def token(verb: str, nonce: str, uniqueid: str = "pbx1-1.1") -> str:
        return sha1(f"{key}:{uniqueid}:{verb}:{nonce}:{key}".encode(), usedforsecurity=False).hexdigest()

    before = len(centre.facts())
    assert await say(centre, "menu", "0" * 40, "1", "5001") == ""
    assert await say(centre, "menu") == ""
    assert await say(centre, "agent/ready", "", "", "", "1001") == ""
    assert await say(centre, "nonsense", token("nonsense", "1"), "1") == ""
    # Right for another verb, another nonce, another call.
    assert await say(centre, "menu", token("agent/ready", "2"), "2", "5001") == ""
    assert await say(centre, "agent/ready", token("agent/ready", "2"), "3", "", "1001") == ""
    assert await say(centre, "agent/ready", token("agent/ready", "2", "pbx1-2.2"), "2", "", "1001") == ""
    # Right: once.
    right = token("agent/ready", "4")
    assert (await say(centre, "agent/ready", right, "4", "", "1001")).startswith("ANSWER")
    assert await say(centre, "agent/ready", right, "4", "", "1001") == ""
    assert len(centre.facts()) == before
    # The PBX itself was served all the time.
    await centre.dial("5000")
    await centre.until_fact("ContactArrived")


async def test_a_probe_of_the_agi_port_does_no_harm(centre: Centre) -> None:
    address = agi_address(centre)
    for bytes_ in (b"", b"\n\n", b"GET / HTTP/1.0\r\n\r\n", b"agi_network: yes\n", b"\x00" * 70_000, b"\xff\n\n"):
        with socket.create_connection(address) as probe:
            probe.sendall(bytes_)
    idle = [socket.create_connection(address) for _ in range(50)]
    (anna,) = await centre.duty("anna")
    call = await centre.dial("5001")
    await talk(call, await (await anna.next_call()).wait("confirmed"))
    for probe in idle:
        probe.close()


# --- AMI ------------------------------------------------------------------------------------------------------------


REFUSED = [
    ("Command", {"Command": "core show version"}),
    ("GetConfig", {"Filename": "manager.conf"}),
    ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf", "Reload": "no"}),
    ("CreateConfig", {"Filename": "evil.conf"}),
    ("ListCategories", {"Filename": "manager.conf"}),
    ("Originate", {"Channel": "Local/s@contactd-after", "Application": "System", "Data": "true"}),
    ("ModuleLoad", {"LoadType": "reload"}),
    ("Reload", {}),
    ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
    ("DialplanExtensionAdd", {"Context": "x", "Extension": "s", "Priority": "1", "Application": "System"}),
    ("QueueAdd", {"Queue": "contactd-fallback", "Interface": "PJSIP/1005"}),
    ("AGI", {"Channel": "x", "Command": "EXEC System true"}),
    ("Getvar", {"Variable": "SHELL(id)"}),
    ("Setvar", {"Variable": "SHELL(id)", "Value": "x"}),
    ("Setvar", {"Variable": "FILE(/tmp/evil)", "Value": "x"}),
]


@pytest.fixture
async def manager(centre: Centre) -> Manager:
    return await Manager.login(centre.stack.asterisk)


async def test_contactd_s_ami_account_can_neither_run_nor_configure_anything(manager: Manager) -> None:
    allowed = [
        f"{action} {fields}"
        for action, fields in REFUSED
        if "Response: Error" not in await manager.ask(action, **fields)
    ]
    assert not allowed
    for action, fields in [("Ping", {}), ("CoreStatus", {}), ("Getvar", {"Variable": "EPOCH"})]:
        assert "Response: Success" in await manager.ask(action, **fields)


async def test_the_database_s_role_cannot_rewrite_history(centre: Centre) -> None:
    """What a stolen database password is good for."""
    dsn = next(line for line in centre.stack.daemon.config.read_text().splitlines() if line.startswith("dsn"))
    assert urlsplit(dsn.split('"')[1]).username == "contactd_app"
    for verb in ("UPDATE", "DELETE", "TRUNCATE"):
        (answer,) = centre.psql(f"SELECT has_table_privilege('contactd_app', 'event', '{verb}')")
        assert answer == "f", verb
