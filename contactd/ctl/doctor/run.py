"""The round: every subject in the order in which one stands on another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from contactd.config import ConfigErrors, Settings, load
from contactd.config.destinations import leads
from contactd.core.errors import ContactdError
from contactd.core.ids import PbxId
from contactd.ctl.ami import Denied, LoginRefused, PbxUnreachable, Session
from contactd.ctl.doctor import certificates, dialplan, files, handsets, pbx, recordings, way
from contactd.ctl.doctor.daemon import check_daemon
from contactd.ctl.doctor.database import check_database
from contactd.ctl.doctor.findings import Findings, Subject
from contactd.ctl.doctor.listeners import PortTaken, StandIn
from contactd.protocols.dialplan import (
    AUDIO_MODULES,
    LISTEN_MODULES,
    RECORD_MODULES,
    REMOTE_MODULES,
    TEXT_MODULES,
    TONE_MODULES,
)
from contactd.services.recording.watching import records


def examine(path: Path, socket: str) -> Findings:
    """Everything that can be seen from here. The configuration comes first, since all else is read from it."""
    found = Findings()
    config = found.at("configuration")
    try:
        settings = load(path)
    except ConfigErrors as errors:
        for error in errors.errors:
            config.error("file", str(error), "Then run this again: nothing else could be looked at.")
        return found
    config.ok("file", f"{path} is right: {len(settings.agents)} agents, {len(settings.queues)} queues")
    host = found.at("host")
    uid = files.daemon_uid(settings, path)
    folder = path if path.is_dir() else path.parent
    files.check_secrets(host, folder / settings.secrets_file, uid)
    files.check_state_dir(host, settings, uid)
    files.check_socket(host, settings)
    recordings.check_recordings(host, settings, uid)
    files.check_time(host, files.clock_synchronised())
    asyncio.run(check_database(found.at("database"), settings))
    runs = check_daemon(found.at("contactd"), socket)
    with _answering(found.at("host"), settings, runs=runs) as answered:
        for name in settings.pbx:
            check_pbx(found.at(name), settings, name, answered=answered)
    return found


@contextlib.contextmanager
def _answering(host: Subject, settings: Settings, *, runs: bool) -> Iterator[bool]:
    """Whether somebody answers at the ports of [agi] and [audiosocket]: the daemon, or a stand-in."""
    if runs:
        yield True
        return
    try:
        stand_in = StandIn(settings, settings.sounds).__enter__()
    except PortTaken as taken:
        host.error("ports", str(taken), "Then run this again.")
        yield False
        return
    try:
        yield True
    finally:
        stand_in.__exit__(None, None, None)
        if stand_in.refused:
            host.error(
                "allow",
                f"connections came from {', '.join(sorted(set(stand_in.refused)))}, which is not in allow",
                "Write the PBX's address into allow of [agi] and [audiosocket].",
            )


def _texts(settings: Settings) -> bool:
    """Whether anybody is answered in text."""
    menus = (needs for menu in settings.menus.values() for needs in menu.needs.values())
    nodes = (node for flow in settings.flows.values() for node in flow.nodes.values())
    tty = settings.tty
    return (
        bool(tty.numbers)
        or tty.by_record
        or tty.by_tones
        or any(getattr(one, "text", False) is True for one in (*menus, *nodes))
    )


def modules_for(settings: Settings, remotes: list[str]) -> dict[str, dict[str, str]]:
    """What this configuration asks of the PBX beyond what every dialplan needs."""
    asked = {
        "record-modules": (records(settings), RECORD_MODULES),
        "remote-modules": (bool(remotes), REMOTE_MODULES),
        "text-modules": (_texts(settings), TEXT_MODULES | AUDIO_MODULES),
        "tone-modules": (settings.tty.by_tones, TONE_MODULES),
        "listen-modules": (bool(settings.supervisors), LISTEN_MODULES),
    }
    return {finding: modules for finding, (wanted, modules) in asked.items() if wanted}


def check_pbx(subject: Subject, settings: Settings, name: PbxId, *, answered: bool) -> None:
    """answered: whether the PBX would find somebody at the ports of [agi] and [audiosocket]."""
    section = settings.pbx[name]
    agents = {str(id_): one.endpoint for id_, one in settings.agents.items() if one.endpoint and one.pbx == name}
    if len(settings.pbx) == 1:
        # What a pattern means, and on which of several PBXes a desk stands, nobody says.
        own = set(agents.values())
        desks = [one for one in settings.handsets.shared if not {"*", "?"} & set(one)]
        agents |= {f"desk {desk}": desk for desk in desks if desk not in own}
    remotes = list(settings.remotes_of(name).values())
    echo_lines = [number for number, line in settings.entries.items() if line.kind == "echo"]
    certificates.check_certificate(subject, section, time.time())
    try:
        # With events: the test call's own ones are what shows the read rights.
        with Session(section.host, section.port, section.username, settings.pbx_secret(name), events=True) as session:
            subject.ok("ami", f"AMI at {section.host}:{section.port} takes the account {section.username}")
            if not pbx.check_rights(subject, session, calls_back=settings.calls_back):
                return
            major = pbx.check_version(subject, session)
            pbx.check_name(subject, session)
            offset_s, zone = pbx.read_clock(session)
            pbx.check_clock(subject, offset_s, zone, pbx.own_zone())
            recorded = records(settings)
            modules_known = pbx.check_modules(
                subject, session, major=major, echo_lines=echo_lines, also=modules_for(settings, remotes)
            )
            if recorded:
                dialplan.check_recordings(subject, session, settings.recording.inbox)
            dialplan.check_dialplan(subject, session)
            endpoints = handsets.read_endpoints(session, agents)
            handsets.check_handsets(subject, endpoints)
            if modules_known:
                handsets.check_codecs(subject, session, endpoints)
            contexts = [one.context for one in endpoints if one.known]
            dialplan.check_emergency(subject, session, settings.emergency_numbers, contexts)
            dialplan.check_destinations(subject, session, [table for _, table in leads(settings)], remotes)
            if answered:
                way.check_way(subject, settings, name, session, sounds=settings.sounds)
    except LoginRefused as refused:
        subject.error(
            "ami",
            str(refused),
            "Compare username in [pbx] and the secret with manager_contactd.conf, its permit lines with our address;"
            " then: manager reload.",
        )
    except PbxUnreachable as away:
        subject.error("ami", str(away), "Then run this again.")
    except Denied as denied:
        subject.error(
            "rights",
            f"the account {section.username} may not ask what contactd asks ({denied})",
            "Give it write = call,reporting in manager_contactd.conf, and: manager reload.",
        )
    except (ContactdError, ValueError) as odd:
        subject.error("ami", f"Asterisk answered what is not understood: {odd}", "Look at its version and its log.")
