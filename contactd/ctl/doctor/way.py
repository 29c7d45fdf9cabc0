"""The way from the PBX to us: a call of one second inside the PBX, which asks contactd's AGI and its AudioSocket.

Only the account contactd-test may place it. It shows three things that nothing else does: that the PBX reaches both
ports, that our own account sees the events which contactd lives on, and that the PBX has the sounds of our menus.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from contactd.config import Settings
from contactd.core.ids import PbxId
from contactd.ctl.ami import Denied, Headers, LoginRefused, Session
from contactd.ctl.doctor.findings import Subject, names

TEST_ACCOUNT = "contactd-test"
_PROBE_S = 10.0
_STRANGERS = frozenset({"Newexten", "VarSet", "Newchannel", "DialBegin", "Newstate", "RTCPSent", "LocalBridge"})


def check_way(pbx: Subject, settings: Settings, name: PbxId, watcher: Session, *, sounds: Sequence[str]) -> None:
    """watcher: our own account, with events. Somebody answers at both ports: the daemon, or our stand-in."""
    secret = settings.secrets.pbx[name].test_secret
    if secret is None:
        pbx.warning(
            "way",
            "not tried: whether the PBX reaches contactd, our read rights, and the sounds of the menus",
            f"Give the secret of {TEST_ACCOUNT} (manager_contactd.conf) as test_secret in the secrets file.",
        )
        return
    section = settings.pbx[name]
    try:
        with Session(section.host, section.port, TEST_ACCOUNT, secret, events=True) as tester:
            told = _probe(tester, settings)
    except (LoginRefused, Denied) as refused:
        pbx.warning(
            "way",
            f"not tried: {refused}",
            f"Compare test_secret with the account {TEST_ACCOUNT} in manager_contactd.conf (write = originate), and:"
            " manager reload.",
        )
        return
    if not told:
        pbx.error(
            "way",
            f"a test call inside the PBX said nothing within {_PROBE_S:g} s",
            "See Asterisk's log: the context contactd-test, the modules, its load; has the account read = user?",
        )
        return
    _agi(pbx, settings, told, sounds)
    _audio(pbx, settings, told)
    _events(pbx, watcher, told)


def _probe(tester: Session, settings: Settings) -> dict[str, Headers]:
    """What the dialplan told, by part: agi, audiosocket, end."""
    number = secrets.token_hex(8)
    at = f"{settings.agi_host}:{settings.agi.port}"
    tester.ask(
        "Originate",
        Channel="Local/probe@contactd-test/n",
        Application="Wait",
        Data=str(int(_PROBE_S)),
        Async="true",
        Variable=[f"__CONTACTD_PROBE={number}", f"__CONTACTD_PROBE_AGI={at}"],
    )

    def told() -> dict[str, Headers]:
        events = tester.events("UserEvent", UserEvent="ContactdProbe", Probe=number)
        return {str(event.get("Part", "")): event for event in events}

    tester.until(lambda: "end" in told(), _PROBE_S)
    return told()


def _agi(pbx: Subject, settings: Settings, told: dict[str, Headers], sounds: Sequence[str]) -> None:
    where = f"{settings.agi_host}:{settings.agi.port}"
    agi = told.get("agi", {})
    if agi.get("Answer"):
        pbx.ok("agi", f"the PBX reaches contactd's AGI at {where}")
        _sounds(pbx, str(agi.get("Missing", "")).split(), sounds)
    elif agi.get("Status") == "SUCCESS":
        pbx.error(
            "agi",
            f"something at {where} takes the PBX's AGI connection and does not answer it",
            "See contactd's log (agi_connection_refused): the PBX's address must be in allow of [agi], and this PBX"
            " must be one that contactd steers.",
        )
    else:
        pbx.error(
            "agi",
            f"the PBX does not reach contactd's AGI at {where}",
            "Open that port to the PBX in every firewall between, and set listen and advertise in [agi] to what the PBX"
            " can reach.",
        )


def _sounds(pbx: Subject, missing: list[str], sounds: Sequence[str]) -> None:
    if missing:
        pbx.error(
            "sounds",
            f"the PBX has no sound {names(missing)}: callers hear nothing there",
            "Put the files below its sounds folder (core show settings: data directory, then sounds/<language>/), in a"
            " format whose module is loaded.",
        )
    elif sounds:
        pbx.ok("sounds", f"the PBX has the {len(sounds)} sounds of the menus")


def _audio(pbx: Subject, settings: Settings, told: dict[str, Headers]) -> None:
    where = f"{settings.audiosocket_host}:{settings.audiosocket.port}"
    if "audiosocket" in told:
        pbx.ok("audiosocket", f"the PBX reaches contactd's AudioSocket at {where}")
    elif told.get("agi", {}).get("Audio") == "tried":
        pbx.error(
            "audiosocket",
            f"the PBX does not reach contactd's AudioSocket at {where}",
            "Open that port to the PBX, and set listen, allow and advertise in [audiosocket] to what fits it.",
        )


def _events(pbx: Subject, watcher: Session, told: dict[str, Headers]) -> None:
    """What our own account saw of the same call."""
    channel = str(told.get("end", told.get("agi", {})).get("Channel", ""))

    def seen(event: str) -> list[Headers]:
        return watcher.events(event, Channel=channel)

    watcher.until(lambda: bool(seen("Hangup") and seen("UserEvent")), 1.0)
    blind = [right for event, right in (("UserEvent", "user"), ("Hangup", "call")) if not seen(event)]
    if blind:
        pbx.error(
            "read-rights",
            f"the account {watcher.username} does not see events of the class {names(blind)}",
            "Give it read = call,user,reporting and the eventfilter lines of manager_contactd.conf (of"
            " manager_contactd_regex.conf before Asterisk 18.26, 20.11, 21.6 and 22.1), and: manager reload.",
        )
        return
    pbx.ok("read-rights", f"the account {watcher.username} sees the events that contactd needs")
    event = seen("UserEvent")[0]
    if "CONTACTD_CALL" not in event.get("ChanVariable", {}):
        pbx.error(
            "channelvars",
            "events do not say whose contact they are about",
            "Add channelvars=CONTACTD_CALL,CONTACTD_OFFER to [general] of manager.conf, and: manager reload.",
        )
    if "Timestamp" not in event:
        pbx.warning(
            "timestampevents",
            "events do not say when they happened, so a stalled network shifts the times in the journal",
            "Add timestampevents=yes to [general] of manager.conf, and: manager reload.",
        )
    strangers = sorted({str(one.get("Event", "")) for one in watcher.arrived} & _STRANGERS)
    if strangers:
        pbx.warning(
            "eventfilter",
            f"contactd is sent events that it does not need ({names(strangers)}): under load they cost it its time",
            "Give the account the eventfilter lines of manager_contactd.conf that fit your Asterisk's version.",
        )
