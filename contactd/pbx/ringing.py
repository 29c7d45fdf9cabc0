"""An offer as the dialplan takes it, an extension of [contactd-offer] or [contactd-ring-all], and back again. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from contactd.core.agent import REMOTE
from contactd.core.commands import RingAgent
from contactd.core.errors import ContactdError

CONTEXT = "contactd-ring-all"
"""Where a caller stands who rings at several, or at a number outside."""
FAR = "contactd-far"
"""Where the leg to a number outside is dialled."""
ACCEPT_S = 25
"""Longer than [contactd-accept] asks for the key."""
NOBODY: Mapping[str, str] = {}


def exten_of(command: RingAgent) -> str:
    """
    >>> from contactd.core.ids import ContactId, OfferId, PbxId
    >>> one = RingAgent(
    ...     pbx=PbxId("p"), contact=ContactId("c"), channel="x", endpoint="1001", offer=OfferId("3-77"), ring_s=20
    ... )
    >>> exten_of(one)
    '1001*3*77*20'
    """
    epoch, _, seq = command.offer.partition("-")
    if not by_variable(command):
        return f"{command.endpoint}*{epoch}*{seq}*{command.ring_s}"
    # A number outside has its own limit for the ringing; beyond it there is the time for the key.
    far_s = ACCEPT_S if command.endpoint.startswith(REMOTE) and not command.also else 0
    return f"all*{epoch}*{seq}*{command.ring_s + far_s}"


def by_variable(command: RingAgent) -> bool:
    """Whether an extension is too short for whom it rings: several, or a number outside."""
    return bool(command.also) or command.endpoint.startswith(REMOTE)


def variable(command: RingAgent, numbers: Mapping[str, str] = NOBODY) -> str:
    """CONTACTD_RING: which offer it is for, and whom Dial() rings. numbers: the seat to the number of who is outside.
    Raises ContactdError for a seat without a number.

    >>> from contactd.core.ids import ContactId, OfferId, PbxId
    >>> several = RingAgent(
    ...     pbx=PbxId("p"), contact=ContactId("c"), channel="x", endpoint="1001", offer=OfferId("3-77"), ring_s=20,
    ...     also=("1002", "1003"),
    ... )
    >>> exten_of(several), variable(several), endpoints(variable(several), "3-77")
    ('all*3*77*20', '3-77*PJSIP/1001&PJSIP/1002&PJSIP/1003', ('1001', '1002', '1003'))
    >>> far = RingAgent(
    ...     pbx=PbxId("p"), contact=ContactId("c"), channel="x", endpoint="@anna", offer=OfferId("3-77"), ring_s=20
    ... )
    >>> exten_of(far), variable(far, {"@anna": "+4930123"}), endpoints(variable(far, {"@anna": "+4930123"}), "3-77")
    ('all*3*77*45', '3-77*Local/anna*20*+4930123@contactd-far/n', ('@anna',))
    """
    rung = (command.endpoint, *command.also)
    return f"{command.offer}*{'&'.join(_dialled(endpoint, command.ring_s, numbers) for endpoint in rung)}"


def _dialled(endpoint: str, ring_s: int, numbers: Mapping[str, str]) -> str:
    if not endpoint.startswith(REMOTE):
        return f"PJSIP/{endpoint}"
    number = numbers.get(endpoint)
    if number is None:
        raise ContactdError(f"the agent {endpoint.removeprefix(REMOTE)} has no remote_number any more")
    return f"Local/{endpoint.removeprefix(REMOTE)}*{ring_s}*{number}@{FAR}/n"


def endpoints(text: str, offer: str) -> tuple[str, ...]:
    """Whom CONTACTD_RING names, if it is this offer's."""
    whose, _, rung = text.partition("*")
    if whose != offer:
        return ()
    return tuple(seat_in(one) or one.removeprefix("PJSIP/") for one in rung.split("&") if one)


def seat_in(channel: str) -> str | None:
    """The seat that a dial string or a channel of [contactd-far] stands for; None for any other.

    >>> seat_in("Local/anna*20*+4930123@contactd-far-00000001;1"), seat_in("Local/5@else"), seat_in("PJSIP/1001")
    ('@anna', None, None)
    """
    technology, _, name = channel.partition("/")
    dialled, _, context = name.rpartition("@")
    if technology != "Local" or not context.startswith((f"{FAR}-", f"{FAR}/")):
        return None
    return REMOTE + dialled.partition("*")[0]
