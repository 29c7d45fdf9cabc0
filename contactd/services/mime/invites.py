"""Calendar invites (RFC 5545), as far as a person needs them before they open the file."""

from __future__ import annotations

import re

from contactd.services.mime.record import Invite

_LONGEST = 200_000


def invite_of(text: str) -> Invite | None:
    """Of the first event, to-do or free-busy in it; None: there is none."""
    lines = re.sub(r"\n[ \t]", "", text[:_LONGEST]).split("\n")
    method, found, inside = "", {}, False
    for line in lines:
        head, _, value = line.partition(":")
        name, _, more = head.partition(";")
        name = name.strip().upper()
        if name == "METHOD":
            method = value.strip().upper()
        elif name == "BEGIN" and value.strip().upper() in ("VEVENT", "VTODO", "VFREEBUSY"):
            inside = True
        elif name == "END" and inside and value.strip().upper() in ("VEVENT", "VTODO", "VFREEBUSY"):
            break
        elif inside and name not in found:
            zone = re.search(r"TZID=([^;:]+)", more)
            found[name] = _plain(value) + (f" {zone[1].strip(chr(34))}" if zone and name.startswith("DT") else "")
    if not inside:
        return None
    organizer = re.sub(r"^mailto:", "", found.get("ORGANIZER", ""), flags=re.IGNORECASE)
    uid, summary, begins, ends, place = (
        found.get(name, "")[:500] for name in ("UID", "SUMMARY", "DTSTART", "DTEND", "LOCATION")
    )
    return Invite(method[:20], uid, summary, begins, ends, place, organizer[:320])


def _plain(value: str) -> str:
    return re.sub(r"\\([nN,;\\])", lambda one: " " if one[1] in "nN" else one[1], value).strip()
