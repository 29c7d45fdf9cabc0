"""The agents' handsets: does the PBX know them, are they registered, are they set as contactd needs them?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contactd.ctl.ami import Session
from contactd.ctl.doctor.findings import Subject, names

# The module that makes one of a codec's frames out of another's; what none is needed for is not here.
_TRANSLATORS = {
    "ulaw": ("codec_ulaw.so",),
    "alaw": ("codec_alaw.so",),
    "gsm": ("codec_gsm.so",),
    "g722": ("codec_g722.so",),
    "opus": ("codec_opus.so", "codec_opus_open_source.so"),
    "g729": ("codec_g729.so", "codec_g729a.so", "codec_bcg729.so"),
    "g726": ("codec_g726.so",),
    "ilbc": ("codec_ilbc.so",),
    "speex": ("codec_speex.so",),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What PJSIP_ENDPOINT() says."""

    agent: str
    name: str
    known: bool
    context: str = ""
    codecs: tuple[str, ...] = ()
    busy_at: str = ""
    direct_media: str = ""
    registered: bool = False


def read_endpoints(session: Session, endpoints: Mapping[str, str]) -> list[Endpoint]:
    """endpoints: agent to endpoint."""
    return [_read(session, agent, name) for agent, name in endpoints.items()]


def _read(session: Session, agent: str, name: str) -> Endpoint:
    def field(key: str) -> str:
        return session.variable(f"PJSIP_ENDPOINT({name},{key})")

    context = field("context")
    if not context:
        return Endpoint(agent, name, known=False)
    aors = [aor.strip() for aor in field("aors").split(",") if aor.strip()]
    return Endpoint(
        agent,
        name,
        known=True,
        context=context,
        codecs=tuple(re.findall(r"\w+", field("allow"))),
        busy_at=field("device_state_busy_at"),
        direct_media=field("direct_media"),
        registered=any(session.variable(f"PJSIP_AOR({aor},contact)") for aor in aors),
    )


def check_handsets(pbx: Subject, endpoints: list[Endpoint]) -> None:
    if not endpoints:
        pbx.warning("handsets", "no agent has a handset on this PBX", "Write [agents.<id>] with its endpoint.")
        return
    unknown = [one for one in endpoints if not one.known]
    if unknown:
        pbx.error(
            "handsets",
            f"the PBX has no endpoint {names(_of(unknown))}",
            "Correct endpoint in [agents], or make it in pjsip.conf (pjsip_contactd.conf has the template).",
        )
    known = [one for one in endpoints if one.known]
    away = [one for one in known if not one.registered]
    if away:
        pbx.warning(
            "registration",
            f"not registered: {names(_of(away))}; {len(known) - len(away)} of {len(known)} are",
            "Switch the handset on, and look at its user name, password and server; the agent is offered nothing until"
            " it registers.",
        )
    elif known:
        pbx.ok("registration", f"all {len(known)} handsets of agents are registered")
    odd = [one for one in known if one.busy_at != "1"]
    if odd:
        pbx.warning(
            "busy",
            f"device_state_busy_at is not 1: {names(_of(odd))}",
            "Set it to 1, as pjsip_contactd.conf does, or a handset in a talk counts as free for a second call.",
        )
    odd = [one for one in known if one.direct_media in ("yes", "true")]
    if odd:
        pbx.warning(
            "direct-media",
            f"direct_media=yes: {names(_of(odd))}",
            "Set it to no, as pjsip_contactd.conf does: re-INVITEs break talks, and nobody can listen in or record.",
        )


def check_codecs(pbx: Subject, session: Session, endpoints: list[Endpoint]) -> None:
    used = {codec: one for one in reversed(endpoints) for codec in one.codecs[:1]}
    silent = [one for one in endpoints if one.known and not one.codecs]
    if silent:
        pbx.error("codecs", f"no codec is allowed for {names(_of(silent))}", "Set disallow=all and allow=ulaw,alaw.")
    lost = [
        codec
        for codec in used
        if codec in _TRANSLATORS
        and not any(session.variable(f"IFMODULE({module})") == "1" for module in _TRANSLATORS[codec])
    ]
    if lost:
        modules = ", ".join(" or ".join(_TRANSLATORS[codec]) for codec in lost)
        pbx.error(
            "codecs",
            f"Asterisk cannot translate {names(lost)}, which {names(used[codec].name for codec in lost)} would use:"
            " prompts and other codecs are silence there",
            f"Load {modules}, or put ulaw or alaw first in allow.",
        )
    elif used and not silent:
        pbx.ok("codecs", f"handsets use {names(sorted(used))}, and Asterisk can translate it")


def _of(endpoints: list[Endpoint]) -> list[str]:
    return [f"{one.name} ({one.agent})" for one in endpoints]
