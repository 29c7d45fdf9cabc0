"""Real SIP phones for the system tests: pjsua2 behind an asyncio interface.

    async with Phones(sip_port=asterisk.sip_port, folder=tmp_path) as phones:
        agent = await phones.handset("a1", "secret", tone_hz=660)
        caller = await phones.caller(tone_hz=440)
        call = await caller.dial("600")
        await call.wait("confirmed")
        at_agent = await agent.next_call()
        await call.hears(660)
        await at_agent.hears(440)
        await call.hangup()

Each phone is a process of its own (:mod:`tests.lab.phones.process` says why); a caller grows a further
one with every fourth call at a time.  A phone answers by its policy inside that process, within a
millisecond, so a busy test does not slow its handsets down.  Everything is on 127.0.0.1.  Each writes
its SIP trace to FOLDER/NAME.log.

:func:`raw_invite` sends an INVITE byte by byte as it is told, for what no decent stack would send.
"""

from __future__ import annotations

from tests.lab.phones.call import Call, Heard, Rtp, State
from tests.lab.phones.line import PhoneError
from tests.lab.phones.phone import Caller, Handset, Phone, Policy, Secure
from tests.lab.phones.phones import Phones
from tests.lab.phones.raw import RawCall, raw_invite

__all__ = [
    "Call",
    "Caller",
    "Handset",
    "Heard",
    "Phone",
    "PhoneError",
    "Phones",
    "Policy",
    "RawCall",
    "Rtp",
    "Secure",
    "State",
    "raw_invite",
]
