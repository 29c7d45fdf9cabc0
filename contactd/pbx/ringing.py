"""An offer as the dialplan takes it, an extension of [contactd-offer] or [contactd-ring-all], and back again. Pure."""

from __future__ import annotations

from contactd.core.commands import RingAgent

CONTEXT = "contactd-ring-all"
"""Where a caller stands who rings at several."""


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
    return f"{'all' if command.also else command.endpoint}*{epoch}*{seq}*{command.ring_s}"


def variable(command: RingAgent) -> str:
    """CONTACTD_RING: which offer it is for, and whom Dial() rings.

    >>> from contactd.core.ids import ContactId, OfferId, PbxId
    >>> several = RingAgent(
    ...     pbx=PbxId("p"), contact=ContactId("c"), channel="x", endpoint="1001", offer=OfferId("3-77"), ring_s=20,
    ...     also=("1002", "1003"),
    ... )
    >>> exten_of(several), variable(several), endpoints(variable(several))
    ('all*3*77*20', '3-77*PJSIP/1001&PJSIP/1002&PJSIP/1003', ('1001', '1002', '1003'))
    """
    rung = (command.endpoint, *command.also)
    return f"{command.offer}*{'&'.join(f'PJSIP/{endpoint}' for endpoint in rung)}"


def endpoints(text: str) -> tuple[str, ...]:
    """Whom CONTACTD_RING names."""
    _, _, rung = text.partition("*")
    return tuple(one.removeprefix("PJSIP/") for one in rung.split("&") if one)
