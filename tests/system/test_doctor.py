"""What the doctor finds, each fault provoked on the real peer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from contactd.config import Settings, load
from contactd.core.ids import PbxId
from contactd.ctl import ami
from contactd.ctl.doctor import files, pbx
from contactd.ctl.doctor.database import check_database
from contactd.ctl.doctor.findings import Finding, Findings, Level
from contactd.ctl.doctor.run import check_pbx, examine
from contactd.protocols.dialplan import CONTEXTS, EDITION
from tests.lab.asterisk import DROP_INS, Asterisk, Handset
from tests.lab.stack import Contactd
from tests.system.centre import Centre
from tests.system.conftest import CREW

# What this machine may have or not.
OF_THE_HOST = {"ntp"}


@pytest.fixture(scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Two agents with registered handsets, a trunk, and contactd running."""
    folder = tmp_path_factory.mktemp("patient")
    async with Centre(folder, people=CREW[:2], substitutions={"CONTACTD_TRUNK=  ": "CONTACTD_TRUNK=trunk ;"}) as made:
        for person in CREW[:2]:
            await made.handset(person.id)
        yield made


def found_by(findings: Findings) -> dict[str, Finding]:
    """By check, without what is well."""
    return {f.check: f for f in findings.all if f.level is not Level.OK and f.check not in OF_THE_HOST}


async def whole(centre: Centre) -> dict[str, Finding]:
    daemon = centre.stack.daemon
    return found_by(await asyncio.to_thread(examine, daemon.config, str(daemon.socket)))


async def of_pbx(centre: Centre, settings: Settings | None = None, *, answered: bool = True) -> dict[str, Finding]:
    """Only what is about the PBX; contactd runs and answers."""
    settings = settings or load(centre.stack.daemon.config)
    findings = Findings()
    await asyncio.to_thread(check_pbx, findings.at("pbx1"), settings, PbxId("pbx1"), answered=answered)
    return found_by(findings)


def told(found: dict[str, Finding], check: str, level: Level, what: str, remedy: str) -> None:
    """It is found, alone, with these words."""
    assert set(found) == {check}, found
    finding = found[check]
    assert finding.level is level
    assert re.search(what, finding.what), finding.what
    assert re.search(remedy, finding.remedy), finding.remedy


@contextmanager
def edited(daemon: Contactd, old: str, new: str, *, secrets: bool = False) -> Iterator[None]:
    """contactd.toml or the secrets file with a piece of its text replaced."""
    path = daemon.folder / "secrets.toml" if secrets else daemon.config
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


# --- all well ---


async def test_a_healthy_centre_is_told_so_and_the_exit_code_is_zero(centre: Centre) -> None:
    await centre.until(lambda: all(centre.now(p.id)["handset"] == "free" for p in CREW[:2]), "both handsets")
    assert not await whole(centre)
    # As its user meets it. On a machine without a time server that is its one warning.
    done = await asyncio.to_thread(centre.stack.daemon.ctl, "doctor", check=False)
    assert done.returncode == (0 if files.clock_synchronised() in (True, None) else 3)
    assert "the PBX reaches contactd's AudioSocket" in done.stdout
    assert not centre.facts("contact IS NOT NULL"), "the test call became a contact"


async def test_with_the_daemon_down_the_doctor_answers_the_pbx_itself(centre: Centre) -> None:
    daemon = centre.stack.daemon
    daemon.stop()
    try:
        told(await whole(centre), "running", Level.WARNING, "contactd does not run", "systemctl start")
        # The PBX's address is not let in.
        with edited(daemon, "[agi]", '[agi]\nallow = ["192.0.2.9/32"]'):
            found = await whole(centre)
            assert found["allow"].level is Level.ERROR and "127.0.0.1" in found["allow"].what
            assert "does not answer it" in found["agi"].what
        # An address by which nobody is reached: a port that a firewall keeps shut looks so too.
        with edited(daemon, "[agi]", '[agi]\nadvertise = "127.0.0.99"'):
            assert "does not reach contactd's AGI at 127.0.0.99" in (await whole(centre))["agi"].what
        with edited(daemon, "[audiosocket]", '[audiosocket]\nadvertise = "127.0.0.99"'):
            assert "does not reach contactd's AudioSocket at 127.0.0.99" in (await whole(centre))["audiosocket"].what
        with edited(daemon, 'prompt = ["digits/1"', 'prompt = ["digits/none", "digits/1"'):
            finding = (await whole(centre))["sounds"]
            assert finding.level is Level.ERROR and "digits/none" in finding.what and "digits/1" not in finding.what
        # Somebody else has the port.
        port = load(daemon.config).agi.port
        squatter = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
        async with squatter:
            assert "what holds it" in (await whole(centre))["ports"].what
    finally:
        daemon.start()


# --- the PBX ---


async def test_an_account_that_is_refused(centre: Centre) -> None:
    with edited(centre.stack.daemon, 'secret = "', 'secret = "not-', secrets=True):
        told(await of_pbx(centre), "ami", Level.ERROR, "refuses the account contactd", r"manager_contactd\.conf")


async def test_a_pbx_that_is_not_there_or_silent(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "CONNECT_S", 0.3)
    settings = load(centre.stack.daemon.config)
    nobody = msgspec.structs.replace(settings.pbx[PbxId("pbx1")], port=9)
    away = msgspec.structs.replace(settings, pbx={PbxId("pbx1"): nobody})
    told(await of_pbx(centre, away), "ami", Level.ERROR, "Nobody answers at .*:9 ", "run this again")
    silent = msgspec.structs.replace(settings.pbx[PbxId("pbx1")], port=settings.web.port)
    web = msgspec.structs.replace(settings, pbx={PbxId("pbx1"): silent})
    told(await of_pbx(centre, web), "ami", Level.ERROR, "Nobody answers.*timed out", "run this again")


async def test_a_pbx_that_freezes_after_the_login_does_not_hold_us(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami, "ANSWER_S", 0.3)
    pbx = centre.stack.asterisk

    def freeze() -> float:
        with ami.Session("127.0.0.1", pbx.ami_port, "contactd", pbx.ami_secret) as session:
            pbx.pause()
            began = time.monotonic()
            try:
                with pytest.raises(ami.PbxUnreachable, match="did not answer Getvar"):
                    session.variable("EPOCH")
            finally:
                pbx.cont()
            return time.monotonic() - began

    assert await asyncio.to_thread(freeze) < 4


def test_no_value_becomes_a_line_of_its_own(centre: Centre) -> None:
    pbx = centre.stack.asterisk
    with ami.Session("127.0.0.1", pbx.ami_port, "contactd", pbx.ami_secret) as session:
        with pytest.raises(ValueError, match="line break"):
            session.variable("X\r\nAction: Logoff")
        assert session.variable("CONTACTD_DIALPLAN") == str(EDITION)


RIGHTS = [
    ("read = call,user,reporting", "read = reporting", "read-rights", Level.ERROR, "user and call", "read = call,user"),
    (
        "read = call,user,reporting",
        "read = user,reporting",
        "read-rights",
        Level.ERROR,
        "class call",
        "read = call,user",
    ),
    (
        "write = call,reporting",
        "write = call",
        "rights",
        Level.ERROR,
        "lacks write=reporting",
        "write = call,reporting",
    ),
    (
        "write = call,reporting",
        "write = reporting",
        "rights",
        Level.ERROR,
        "lacks write=call",
        "write = call,reporting",
    ),
    (
        "write = call,reporting",
        "write = all",
        "rights",
        Level.WARNING,
        "command, .*system, .*originate",
        "Take command",
    ),
    ("\neventfilter", "\n;eventfilter", "eventfilter", Level.WARNING, "DialBegin", "eventfilter lines"),
    ("write = originate", "write = call", "way", Level.WARNING, "not tried: Permission denied", "write = originate"),
    ("[contactd-test]\nsecret", "[contactd-other]\nsecret", "way", Level.WARNING, "contactd-test", "test_secret"),
]


@pytest.mark.parametrize(("old", "new", "check", "level", "what", "remedy"), RIGHTS, ids=lambda value: str(value)[:24])
async def test_rights_of_the_ami_accounts(
    centre: Centre, old: str, new: str, check: str, level: Level, what: str, remedy: str
) -> None:
    path = centre.stack.asterisk.folder / "etc/contactd/manager_contactd.conf"
    before = path.read_text()
    assert old in before
    cli = centre.stack.asterisk.cli
    path.write_text(before.replace(old, new))
    try:
        await asyncio.to_thread(cli, "manager reload")
        told(await of_pbx(centre), check, level, what, remedy)
    finally:
        path.write_text(before)
        await asyncio.to_thread(cli, "manager reload")


async def test_events_without_contact_and_time(centre: Centre) -> None:
    path = centre.stack.asterisk.folder / "etc/manager.conf"
    before = path.read_text()
    cli = centre.stack.asterisk.cli
    path.write_text(
        before.replace("timestampevents = yes", "timestampevents = no").replace(
            "channelvars = ", "channelvars = OTHER ;"
        )
    )
    try:
        await asyncio.to_thread(cli, "manager reload")
        found = await of_pbx(centre)
        assert found["channelvars"].level is Level.ERROR and "CONTACTD_CALL" in found["channelvars"].remedy
        assert found["timestampevents"].level is Level.WARNING
    finally:
        path.write_text(before)
        await asyncio.to_thread(cli, "manager reload")


LIVE = [
    (
        "dialplan remove context contactd-return",
        "dialplan reload",
        "dialplan",
        Level.ERROR,
        "contactd-return",
        "Include ext",
    ),
    (
        "dialplan set global CONTACTD_DIALPLAN 1",
        "dialplan reload",
        "dialplan-edition",
        Level.ERROR,
        "older",
        "Copy the one",
    ),
    (
        "dialplan set global CONTACTD_DIALPLAN x",
        "dialplan reload",
        "dialplan-edition",
        Level.ERROR,
        "old one",
        "Copy the one",
    ),
    (
        "dialplan remove extension 911@contactd-emergency",
        "dialplan reload",
        "emergency",
        Level.ERROR,
        "911",
        "Add a line",
    ),
]


@pytest.mark.parametrize(("harm", "heal", "check", "level", "what", "remedy"), LIVE, ids=lambda value: str(value)[:40])
async def test_what_the_dialplan_stands_on(
    centre: Centre, harm: str, heal: str, check: str, level: Level, what: str, remedy: str
) -> None:
    await asyncio.to_thread(centre.stack.asterisk.cli, harm)
    try:
        found = await of_pbx(centre)
        told(found, check, level, what, remedy)
    finally:
        await asyncio.to_thread(centre.stack.asterisk.cli, heal)


@contextmanager
def another_pbx(centre: Centre, folder: Path, without: Sequence[str]) -> Iterator[Settings]:
    """A PBX without these modules; the settings that name it."""
    settings = load(centre.stack.daemon.config)
    noload = "\n".join(f"noload = {module}" for module in without)
    handsets = [Handset(person.number) for person in CREW[:2]]
    with Asterisk(
        folder,
        ami_secret=centre.stack.asterisk.ami_secret,
        handsets=handsets,
        extra_conf={"modules.conf": noload},
        substitutions={"CONTACTD_TRUNK=  ": "CONTACTD_TRUNK=trunk ;"},
    ) as bare:
        section = msgspec.structs.replace(settings.pbx[PbxId("pbx1")], port=bare.ami_port)
        yield msgspec.structs.replace(settings, pbx={PbxId("pbx1"): section})


async def test_modules_that_are_missing(centre: Centre, tmp_path: Path) -> None:
    without = ("func_sha1.so", "app_waitforsilence.so", "app_audiosocket.so", "codec_ulaw.so")
    with another_pbx(centre, tmp_path / "bare", without) as settings:
        found = await of_pbx(centre, settings, answered=False)
    found.pop("registration")
    assert {check: finding.level for check, finding in found.items()} == {
        "modules": Level.ERROR,
        "test-modules": Level.WARNING,
        "audiosocket-modules": Level.ERROR,
        "codecs": Level.ERROR,
    }
    assert "func_sha1.so (SHA1(), the one-time tokens)" in found["modules"].what
    assert "app_waitforsilence.so" in found["test-modules"].what
    assert "5900 in [lines] will be refused" in found["audiosocket-modules"].what
    assert "cannot translate ulaw" in found["codecs"].what and "codec_ulaw.so" in found["codecs"].remedy
    assert "load line for func_sha1.so" in found["modules"].remedy


async def test_without_func_module_nothing_is_known_of_the_others(centre: Centre, tmp_path: Path) -> None:
    with another_pbx(centre, tmp_path / "bare", ["func_module.so"]) as settings:
        found = await of_pbx(centre, settings, answered=False)
    found.pop("registration")
    told(found, "modules", Level.WARNING, "cannot be seen which modules are", "func_module.so")


async def test_an_emergency_number_without_a_trunk(centre: Centre) -> None:
    path = centre.stack.asterisk.folder / "etc/contactd/extensions_contactd_site.conf"
    before = path.read_text()
    path.write_text(before.replace("CONTACTD_TRUNK=trunk", "CONTACTD_TRUNK="))
    try:
        await asyncio.to_thread(centre.stack.asterisk.cli, "dialplan reload")
        told(await of_pbx(centre), "emergency-trunk", Level.ERROR, "have no trunk", "CONTACTD_TRUNK")
    finally:
        path.write_text(before)
        await asyncio.to_thread(centre.stack.asterisk.cli, "dialplan reload")


async def test_handsets_that_are_away_unknown_or_set_otherwise(centre: Centre) -> None:
    settings = load(centre.stack.daemon.config)
    anna = next(iter(settings.agents))
    stranger = msgspec.structs.replace(settings.agents[anna], endpoint="1999")
    other = msgspec.structs.replace(settings, agents={**settings.agents, anna: stranger})
    told(await of_pbx(centre, other), "handsets", Level.ERROR, r"no endpoint 1999 \(anna\)", "endpoint in")
    bilal = await centre.handset("bilal")
    await bilal.unregister()
    try:
        told(
            await of_pbx(centre), "registration", Level.WARNING, r"1002 \(bilal\); 1 of 2 are", "Switch the handset on"
        )
    finally:
        await bilal.register()
    path = centre.stack.asterisk.folder / "etc/contactd/pjsip_contactd.conf"
    before = path.read_text()
    path.write_text(before.replace("device_state_busy_at=1", "").replace("direct_media=no", "direct_media=yes"))
    cli = centre.stack.asterisk.cli
    try:
        await asyncio.to_thread(cli, "module reload res_pjsip.so")
        await centre.until(lambda: "direct_media                       : true" in cli("pjsip show endpoint 1001"), "it")
        found = await of_pbx(centre)
        assert found["busy"].level is Level.WARNING and found["direct-media"].level is Level.WARNING
    finally:
        path.write_text(before)
        await asyncio.to_thread(cli, "module reload res_pjsip.so")


async def test_without_a_test_secret_it_says_what_was_not_tried(centre: Centre) -> None:
    with edited(centre.stack.daemon, "test_secret", "# test_secret", secrets=True):
        told(await of_pbx(centre), "way", Level.WARNING, "not tried: whether the PBX reaches", "as test_secret")


@pytest.mark.parametrize(
    ("offset_s", "zone", "levels"),
    [
        (0.2, "+0100", {}),
        (-3.0, "+0100", {"clock": Level.WARNING}),
        (90.0, "+0100", {"clock": Level.ERROR}),
        (0.0, "+0000", {"time-zone": Level.WARNING}),
    ],
)
def test_clocks_that_differ(offset_s: float, zone: str, levels: dict[str, Level]) -> None:
    findings = Findings()
    pbx.check_clock(findings.at("pbx1"), offset_s, zone, "+0100")
    assert {check: finding.level for check, finding in found_by(findings).items()} == levels


def test_a_clock_that_follows_nobody() -> None:
    findings = Findings()
    files.check_time(findings.at("host"), False)
    files.check_time(findings.at("host"), None)
    assert [finding.level for finding in findings.all] == [Level.WARNING, Level.OK]


# --- the database ---

SQL = [
    (
        "ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf()",
        "ALTER SYSTEM RESET fsync; SELECT pg_reload_conf()",
        *("durability", Level.ERROR, "fsync is off: a power cut", "fsync = on"),
    ),
    (
        "ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf()",
        "ALTER SYSTEM RESET full_page_writes; SELECT pg_reload_conf()",
        *("durability", Level.ERROR, "full_page_writes is off", "full_page_writes = on"),
    ),
    (
        "ALTER ROLE contactd_app SET synchronous_commit = off",
        "ALTER ROLE contactd_app RESET synchronous_commit",
        *("durability", Level.WARNING, "synchronous_commit is off", "synchronous_commit = on"),
    ),
    (
        "REVOKE contactd_daemon FROM contactd_app",
        "GRANT contactd_daemon TO contactd_app",
        *("connection", Level.ERROR, "permission denied", "GRANT contactd_daemon"),
    ),
    (
        "REVOKE INSERT ON event FROM contactd_daemon",
        "GRANT INSERT ON event TO contactd_daemon",
        *("rights", Level.ERROR, "may not append to the journal", "contactd migrate"),
    ),
    (
        "GRANT DELETE ON event TO contactd_daemon",
        "REVOKE DELETE ON event FROM contactd_daemon",
        *("rights", Level.WARNING, "may change what happened", "migrate_dsn"),
    ),
    (
        "ALTER ROLE contactd_app SUPERUSER",
        "ALTER ROLE contactd_app NOSUPERUSER",
        *("rights", Level.WARNING, "superuser", "migrate_dsn"),
    ),
    (
        "UPDATE migration SET number = number + 1000 WHERE number = 1",
        "UPDATE migration SET number = number - 1000 WHERE number = 1001",
        *("migrations", Level.ERROR, "a newer contactd migrated", "Install that version"),
    ),
    (
        "UPDATE migration SET number = -1 WHERE number = 1",
        "UPDATE migration SET number = 1 WHERE number = -1",
        *("migrations", Level.ERROR, "not run yet: 0001 ground", "contactd migrate"),
    ),
]


@pytest.mark.parametrize(("harm", "heal", "check", "level", "what", "remedy"), SQL, ids=lambda value: str(value)[:36])
async def test_what_is_wrong_with_the_database(
    centre: Centre, harm: str, heal: str, check: str, level: Level, what: str, remedy: str
) -> None:
    def run(sql: str) -> None:
        for statement in sql.split(";"):
            centre.stack.postgres.psql(statement, "contactd")

    run(harm)
    try:
        wanted: Callable[[], object] = lambda: True  # noqa: E731
        if "ALTER SYSTEM" in harm:
            name = harm.split()[3]
            wanted = lambda: centre.psql(f"SHOW {name}") == ["off"]  # noqa: E731
        await centre.until(wanted, "the setting")
        findings = Findings()
        await check_database(findings.at("database"), load(centre.stack.daemon.config))
        told(found_by(findings), check, level, what, remedy)
    finally:
        run(heal)


# --- files ---


async def test_secrets_that_others_may_read(centre: Centre) -> None:
    path = centre.stack.daemon.folder / "secrets.toml"
    path.chmod(0o644)
    try:
        told(await whole(centre), "file", Level.ERROR, r"others may read.*0644", "run this again")
    finally:
        path.chmod(0o600)


async def test_a_folder_that_is_not_there_or_too_small_and_a_socket_for_everybody(centre: Centre) -> None:
    daemon = centre.stack.daemon
    with edited(daemon, "/state", "/elsewhere"):
        told(await whole(centre), "state-dir", Level.ERROR, "cannot be used", "install -d -o contactd")
    with edited(daemon, "[web]", "[spool]\nmax_mb = 1048576\n[web]"):
        told(await whole(centre), "state-dir", Level.WARNING, "may grow to 1048576 MiB", "lower max_mb")
    # As if it ran as somebody else.
    findings = Findings()
    files.check_state_dir(findings.at("host"), load(daemon.config), 54321)
    secrets = daemon.folder / "secrets.toml"
    secrets.chmod(0o640)
    files.check_secrets(findings.at("host"), secrets, 54321)
    secrets.chmod(0o600)
    assert [finding.level for finding in findings.all] == [Level.ERROR, Level.ERROR]
    assert "the daemon runs as user 54321" in findings.all[0].what
    assert "cannot be read by the daemon's user" in findings.all[1].what
    daemon.socket.chmod(0o666)
    try:
        told(await whole(centre), "socket", Level.ERROR, "open to everybody", "0660")
    finally:
        daemon.socket.chmod(0o660)


# --- the contract ---


def test_the_drop_in_is_of_the_edition_and_has_the_contexts_that_the_program_knows() -> None:
    text = "".join(
        (DROP_INS / name).read_text() for name in ("extensions_contactd.conf", "extensions_contactd_site.conf")
    )
    assert re.findall(r"^CONTACTD_DIALPLAN=(\d+)", text, re.MULTILINE) == [str(EDITION)]
    own = set(re.findall(r"^\[(contactd-[\w-]+)\]", text, re.MULTILINE))
    # An administrator may do without these.
    assert set(CONTEXTS) == own - {"contactd-agent", "contactd-agent-own", "contactd-external"}


def test_numbers_of_the_sample_and_of_the_drop_in_are_the_same(tmp_path: Path) -> None:
    text = (DROP_INS / "extensions_contactd_site.conf").read_text()
    dialled = re.findall(r"^exten => (\d+),1,Goto\(contactd-emergency-call", text, re.MULTILINE)
    assert tuple(dialled) == msgspec.structs.fields(Settings)[_index("emergency_numbers")].default


def _index(name: str) -> int:
    return next(n for n, field in enumerate(msgspec.structs.fields(Settings)) if field.name == name)
