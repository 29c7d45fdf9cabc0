"""One Asterisk: its version, its clock, our account and its rights, the modules that the dialplan stands on."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime

from contactd.ctl.ami import Denied, Session
from contactd.ctl.doctor.findings import Subject, names
from contactd.protocols import dialplan

_OFFSET_WARNING_S, _OFFSET_ERROR_S = 1.0, 30.0
ORIGINATE = "originate"
"""Only customers who are called back need it."""
_NEEDED: tuple[tuple[str, dict[str, str], str], ...] = (
    # action, fields, which right it proves
    ("Redirect", {"Channel": "contactd/none", "Context": "x", "Exten": "s", "Priority": "1"}, "write=call"),
    ("CoreSettings", {}, "write=reporting"),
)
_TOO_MUCH: tuple[tuple[str, dict[str, str], str, str], ...] = (
    ("Command", {"Command": "core show uptime"}, "command", "runs any command of Asterisk's console"),
    ("ModuleCheck", {"Module": "app_dial"}, "system", "restarts Asterisk and runs programs of the host"),
    ("GetConfig", {"Filename": "contactd-doctor.conf"}, "config", "reads and writes Asterisk's files"),
    ("Originate", {}, ORIGINATE, "places calls to anywhere at your cost"),
)


def check_version(pbx: Subject, session: Session) -> int:
    """The major version; 0 if unknown."""
    text = str(session.ask("CoreSettings").get("AsteriskVersion", ""))
    found = re.search(r"(\d+)\.", text)
    major = int(found[1]) if found else 0
    oldest, newest = dialplan.OLDEST_PBX, dialplan.NEWEST_PBX
    if major < oldest:
        pbx.error("version", f"Asterisk {text} is too old", f"Install {oldest} to {newest}.")
    elif major > newest:
        pbx.warning("version", f"Asterisk {text}: newer than what was tried", "Make a test call (contactctl testcall).")
    else:
        pbx.ok("version", f"Asterisk {text}")
    return major


def check_name(pbx: Subject, session: Session) -> None:
    """The uniqueids begin with the systemname, and by it a call finds its PBX."""
    name = str(session.ask("CoreSettings").get("SystemName", ""))
    if name == pbx.name:
        pbx.ok("systemname", f"systemname={name}")
    else:
        pbx.warning(
            "systemname",
            f"asterisk.conf has systemname={name or '(none)'}, and the section here is [pbx.{pbx.name}]",
            f"Set systemname={pbx.name} in [options] of asterisk.conf and restart Asterisk; with several PBXes calls"
            " are else taken for another's.",
        )


def check_clock(pbx: Subject, offset_s: float, pbx_zone: str, own_zone: str) -> None:
    """offset_s: the PBX's clock less ours."""
    words = f"the PBX's clock is {abs(offset_s):.3f} s {'ahead of' if offset_s >= 0 else 'behind'} ours"
    remedy = "Let both hosts follow the same NTP servers (systemctl status chrony systemd-timesyncd ntp)."
    if abs(offset_s) > _OFFSET_ERROR_S:
        pbx.error("clock", words, remedy)
    elif abs(offset_s) > _OFFSET_WARNING_S:
        pbx.warning("clock", words, remedy)
    else:
        pbx.ok("clock", words)
    if pbx_zone == own_zone:
        pbx.ok("time-zone", f"both hosts are at UTC{pbx_zone}")
    else:
        pbx.warning(
            "time-zone",
            f"the PBX is at UTC{pbx_zone or '?'}, this host at UTC{own_zone}",
            "Give both the same time zone (timedatectl set-timezone), or its logs and ours will not lie beside each"
            " other. Steering does not mind.",
        )


def read_clock(session: Session) -> tuple[float, str]:
    """The PBX's clock less ours, and its offset from UTC. The fastest of three questions is the truest."""
    best = (60.0, 0.0)
    for _ in range(3):
        asked = time.time()
        told = float(session.variable("STRFTIME(,UTC,%s.%6q)"))
        answered = time.time()
        if answered - asked < best[0]:
            best = (answered - asked, told - (asked + answered) / 2)
    return best[1], session.variable("STRFTIME(,,%z)")


def own_zone() -> str:
    return datetime.now().astimezone().strftime("%z")


def check_rights(pbx: Subject, session: Session, *, calls_back: bool) -> bool:
    """The write rights, by harmless actions. The read rights show in the probe: only events prove them.

    False when one is lacking, without which nothing more can be asked.
    """
    missing = [right for action, fields, right in _NEEDED if not _permitted(session, action, fields)]
    if missing:
        pbx.error(
            "rights",
            f"the account {session.username} lacks {names(missing)}",
            "Give it write = call,reporting in manager_contactd.conf, and: manager reload.",
        )
        return False
    more = {right: what for action, fields, right, what in _TOO_MUCH if _permitted(session, action, fields)}
    excess = [(right, what) for right, what in more.items() if right != ORIGINATE or not calls_back]
    if calls_back and ORIGINATE not in more:
        pbx.error(
            "rights",
            f"the account {session.username} lacks write={ORIGINATE}: no customer is called back",
            "Give it write = call,reporting,originate in manager_contactd.conf, and: manager reload.",
        )
    elif excess:
        pbx.warning(
            "rights",
            f"the account {session.username} may more than contactd uses: "
            + "; ".join(f"{right}, which {what}" for right, what in excess),
            f"Take {names(right for right, _ in excess)} out of its write line in manager.conf.",
        )
    else:
        pbx.ok("rights", f"the account {session.username} may steer and report, and nothing dangerous")
    return True


def _permitted(session: Session, action: str, fields: dict[str, str]) -> bool:
    """Any other refusal comes after the right was looked at."""
    try:
        session.ask(action, **fields)
    except Denied as denied:
        return not denied.permission
    return True


def check_modules(
    pbx: Subject, session: Session, *, major: int, echo_lines: list[str], also: Mapping[str, dict[str, str]]
) -> bool:
    """Whether it can be seen which modules are loaded. also: what the configuration needs beyond, by the finding."""
    # Of a function that is not there Getvar gives an empty value and no error.
    if session.variable("IFMODULE(func_module.so)") != "1":
        pbx.warning(
            "modules",
            "func_module.so is not loaded, so it cannot be seen which modules are",
            "Load it: echo lines need it as well (module load func_module.so, and modules.conf).",
        )
        return False
    missing = _missing(session, dialplan.MODULES)
    if missing:
        pbx.error("modules", _told(missing, dialplan.MODULES), _load(missing))
    else:
        pbx.ok("modules", f"the {len(dialplan.MODULES)} modules that the dialplan needs are loaded")
    if missing := _missing(session, dialplan.TEST_MODULES):
        pbx.warning("test-modules", _told(missing, dialplan.TEST_MODULES), _load(missing))
    for finding, modules in also.items():
        if missing := _missing(session, modules):
            pbx.error(finding, _told(missing, modules), _load(missing))
    if missing := _missing(session, dialplan.AUDIO_MODULES):
        remedy = _load(missing)
        if major < dialplan.FIRST_WITH_AUDIOSOCKET:
            remedy = f"Asterisk {dialplan.FIRST_WITH_AUDIOSOCKET} is the first that has them: take echo out of [lines]."
        if echo_lines:
            told = f"{_told(missing, dialplan.AUDIO_MODULES)}; {names(echo_lines)} in [lines] will be refused"
            pbx.error("audiosocket-modules", told, remedy)
        else:
            pbx.ok("audiosocket-modules", "no AudioSocket, and no line that needs it")
    return True


def _missing(session: Session, modules: dict[str, str]) -> list[str]:
    return [module for module in modules if session.variable(f"IFMODULE({module})") != "1"]


def _told(missing: list[str], what_for: dict[str, str]) -> str:
    return "not loaded: " + ", ".join(f"{module} ({what_for[module]})" for module in missing)


def _load(missing: list[str]) -> str:
    return f"In modules.conf: no noload, and with autoload=no a load line for {names(missing)}; then module load each."
