"""The drop-ins on the PBX: are they there, are they ours, and do emergency numbers lead out?"""

from __future__ import annotations

from collections.abc import Collection

from contactd.config.sections import DestinationTable
from contactd.ctl.ami import Denied, Headers, Session
from contactd.ctl.doctor.findings import Subject, names
from contactd.protocols.dialplan import CONTEXTS, EDITION

_INCLUDE = (
    "Include extensions_contactd.conf and extensions_contactd_site.conf from extensions.conf, and: dialplan reload."
)


_COPY = "Copy the one of this version over it (your extensions_contactd_site.conf stays), and: dialplan reload."


def check_dialplan(pbx: Subject, session: Session) -> None:
    told = session.variable("CONTACTD_DIALPLAN")
    missing = [context for context in CONTEXTS if _context(session, context) is None]
    if missing:
        pbx.error("dialplan", f"the dialplan has no context {names(missing)}", _INCLUDE)
    if not told.isdigit():
        if not missing:
            pbx.error("dialplan-edition", "the dialplan does not say which edition it is: it is an old one", _COPY)
    elif int(told) != EDITION:
        which = "older" if int(told) < EDITION else "newer"
        pbx.error("dialplan-edition", f"extensions_contactd.conf is edition {told}, this is {EDITION}: {which}", _COPY)
    elif not missing:
        pbx.ok("dialplan", f"edition {told}, with all of its {len(CONTEXTS)} contexts")


def check_emergency(pbx: Subject, session: Session, numbers: Collection[str], contexts: Collection[str]) -> None:
    """contexts: of the agents' handsets. A handset in a context of the PBX's own has its numbers there."""
    foreign = sorted({one for one in contexts if one and not one.startswith("contactd-")})
    if foreign:
        pbx.ok(
            "emergency",
            f"handsets dial in {names(foreign)}, which is yours: whether {names(numbers)} work there, only a call"
            " tells (ask your carrier for its test number)",
        )
    if contexts and all(one.startswith("contactd-") is False for one in contexts if one):
        return
    rows = _context(session, "contactd-emergency")
    if rows is None:
        return  # said already
    listed = {str(row.get("Extension", "")) for row in rows}
    missing = [number for number in numbers if number not in listed]
    if missing:
        pbx.error(
            "emergency",
            f"{names(missing)} of emergency_numbers cannot be dialled: [contactd-emergency] does not list it",
            "Add a line for each to extensions_contactd_site.conf, or take what is none out of emergency_numbers.",
        )
    trunk = session.variable("CONTACTD_TRUNK")
    if not trunk:
        pbx.error(
            "emergency-trunk",
            "emergency calls of the agents' handsets have no trunk",
            "Set CONTACTD_TRUNK in extensions_contactd_site.conf to your trunk's PJSIP endpoint, and: dialplan reload.",
        )
    elif not missing:
        pbx.ok("emergency", f"{names(numbers)} go to the trunk {trunk}")


def check_destinations(
    pbx: Subject, session: Session, destinations: Collection[DestinationTable], remotes: Collection[str] = ()
) -> None:
    """Where queues send callers, and agents are: boxes, numbers, their trunk. Messages are among the sounds."""
    boxes = sorted({one.voicemail for one in destinations if one.voicemail})
    numbers = sorted({*remotes, *(one.external for one in destinations if one.external)})
    outside = [one for one in destinations if not one.queue]
    if not outside and not remotes:
        return
    # Of a function that is not there Getvar gives an empty value.
    if session.variable("DIALPLAN_EXISTS(contactd-hold,s,1)") != "1":
        pbx.error(
            "destinations",
            "func_dialplan.so is not loaded, and nobody is sent to a box, a number, a message or a tone without it",
            "module load func_dialplan.so, and a line for it in modules.conf where autoload=no.",
        )
        return
    missing = [box for box in boxes if session.variable(f"VM_INFO({box},exists)") != "1"]
    if missing:
        pbx.error(
            "voicemail",
            f"there is no voicemail box {names(missing)}: callers who are sent there come back to the queue",
            "Add it to voicemail.conf; app_voicemail.so must be loaded (module load app_voicemail.so).",
        )
    unlisted = [
        number for number in numbers if session.variable(f"DIALPLAN_EXISTS(contactd-external,{number},1)") != "1"
    ]
    if unlisted:
        pbx.error(
            "external",
            f"[contactd-external] does not list {names(unlisted)}: callers come back from there to the queue,"
            " and agents are not called",
            "Add a line for each to extensions_contactd_site.conf, and: dialplan reload.",
        )
    trunk = session.variable("CONTACTD_EXTERNAL_TRUNK")
    if numbers and not trunk:
        pbx.error(
            "external-trunk",
            "calls to numbers outside have no trunk",
            "Set CONTACTD_EXTERNAL_TRUNK in extensions_contactd_site.conf to its PJSIP endpoint, and: dialplan reload.",
        )
    if not missing and not unlisted and (trunk or not numbers):
        agents = f", and the numbers of {len(remotes)} agents outside" if remotes else ""
        pbx.ok("destinations", f"the {len(outside)} destinations of queues that lead out of them are there{agents}")


def check_recordings(pbx: Subject, session: Session, inbox: str) -> None:
    """Where the PBX records, and where contactd looks, unless the folder has another name on each host."""
    folder = session.variable("CONTACTD_RECORDINGS")
    if not folder:
        pbx.error(
            "recordings",
            "the dialplan does not know where to record (CONTACTD_RECORDINGS), and records nothing",
            "Copy extensions_contactd.conf of this version (edition 3 or newer), and: dialplan reload.",
        )
    elif folder != inbox:
        pbx.warning(
            "recordings",
            f"it records into {folder}, and inbox of [recording] is {inbox}",
            "Nothing, where that is the same folder by another name; else make the two the same.",
        )
    else:
        pbx.ok("recordings", f"it records into {folder}")


def _context(session: Session, name: str) -> list[Headers] | None:
    try:
        return session.rows("ShowDialPlan", Context=name)
    except Denied as denied:
        if denied.permission:
            raise
        return None
