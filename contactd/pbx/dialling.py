"""Calls that contactd makes: a Local channel, of which one half stands in for the customer until that one is there, and
the other asks us whom to dial. Callbacks are the first to be made so; whatever dials out later is made the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contactd.core.commands import CallCustomer, EndAttempt, RingAgent
from contactd.core.errors import ContactdError
from contactd.core.ids import QueueId
from contactd.pbx import ringing
from contactd.pbx.ami import AmiLink
from contactd.pbx.furnishing import Furnishing
from contactd.protocols.ami import Message

DIAL = "contactd-dial"
_CALLED = "contactd-called"
_AROUND_S = 60
"""Beyond the ringing: for the question to us, and for the key."""
_NO_DIAL = (
    "the dialplan has no [contactd-dial], or func_dialplan.so is not loaded: nobody is called back."
    " Run contactctl doctor."
)
Calls = RingAgent | CallCustomer | EndAttempt


class Dialler:
    """Of one PBX. holds, remotes: as they are now. failed: told of a command that came to nothing, and why."""

    def __init__(
        self,
        link: AmiLink,
        holds: Callable[[], Furnishing],
        remotes: Callable[[], Mapping[str, str]],
        failed: Callable[[RingAgent | CallCustomer, str], None],
        acting: Callable[[], bool],
    ) -> None:
        self._link = link
        self._holds = holds
        self._remotes = remotes
        self._failed = failed
        self._acting = acting

    def act(self, command: Calls) -> None:
        match command:
            case EndAttempt():
                # The channel may be gone already.
                self._link.post(end_attempt(command), lambda _: None)
            case CallCustomer():
                self._originate(command, call_customer(command, self._holds().hold_of(command.queue)))
            case RingAgent():
                try:
                    several = ringing.by_variable(command)
                    ring = ringing.variable(command, self._remotes()) if several else ""
                except ContactdError as gone:
                    self._failed(command, str(gone))
                    return
                self._originate(command, ring_agent(command, self._holds().callback_of(command.queue), ring))

    def settle(self, channel: str) -> None:
        """The customer is there: the channel stands in for nobody any more."""
        action = {"Action": "Setvar", "Channel": channel, "Variable": "CONTACTD_STANDIN", "Value": ""}
        self._link.post(action, lambda _: None)

    def _originate(self, command: RingAgent | CallCustomer, action: dict[str, str]) -> None:
        """A Local channel into what is not there fails, and nobody says why: so it is looked for first."""

        def originated(result: Message | ContactdError) -> None:
            if isinstance(result, ContactdError):
                self._failed(command, str(result))

        def looked(result: Message | ContactdError) -> None:
            if isinstance(result, ContactdError):
                self._failed(command, str(result))
            elif result.get("Value") != "1":
                self._failed(command, _NO_DIAL)
            elif self._acting():
                self._link.post(action, originated)

        self._link.post({"Action": "Getvar", "Variable": f"DIALPLAN_EXISTS({DIAL},s,1)"}, looked)


def call_customer(command: CallCustomer, hold: str) -> dict[str, str]:
    """The AMI action that calls a customer who then waits in the queue.

    >>> from contactd.core.ids import ContactId, PbxId
    >>> call = "pbx1-1700000000.12.cb3.77"
    >>> made = call_customer(
    ...     CallCustomer(
    ...         pbx=PbxId("p"), contact=ContactId("c"), call=call, queue=QueueId("sales"), dnis="5000", ring_s=30
    ...     ),
    ...     "jazz|",
    ... )
    >>> made["Channel"], made["Context"], made["ChannelId"]
    ('Local/s@contactd-dial/n', 'contactd-called', 'pbx1-1700000000.12.cb3.77')
    """
    return {
        "Action": "Originate",
        "Channel": f"Local/s@{DIAL}/n",
        "Context": _CALLED,
        "Exten": "s",
        "Priority": "1",
        "Async": "true",
        "Timeout": str((command.ring_s + _AROUND_S) * 1000),
        "ChannelId": command.call,
        "OtherChannelId": _other_half(command.call),
        "Variable": _variables(command.call, command.queue, command.dnis, hold),
    }


def ring_agent(command: RingAgent, hold: str, ring: str) -> dict[str, str]:
    """The AMI action that rings agents, with a stand-in for the customer. ring: CONTACTD_RING, where it needs one.

    >>> from contactd.core.ids import ContactId, OfferId, PbxId
    >>> made = ring_agent(
    ...     RingAgent(
    ...         pbx=PbxId("p"), contact=ContactId("c"), channel="x", endpoint="1001", offer=OfferId("3-77"), ring_s=20,
    ...         attempt="pbx1-1700000000.12.cb3.77", queue=QueueId("sales"), dnis="5000", customer_ring_s=30,
    ...     ),
    ...     "|custom/callback", "",
    ... )
    >>> made["Channel"], made["Context"], made["OtherChannelId"]
    ('Local/1001*3*77*20@contactd-offer/n', 'contactd-dial', 'pbx1-1700000000.12.cb3.77')
    """
    context = ringing.CONTEXT if ringing.by_variable(command) else "contactd-offer"
    variables = _variables(command.attempt, command.queue or QueueId(""), command.dnis, hold)
    if ring:
        variables += f",CONTACTD_RING={ring}"
    if command.record:
        variables += f",CONTACTD_RECORDING={command.offer}*"
    return {
        "Action": "Originate",
        "Channel": f"Local/{ringing.exten_of(command)}@{context}/n",
        "Context": DIAL,
        "Exten": "s",
        "Priority": "1",
        "Async": "true",
        "Timeout": str((command.ring_s + _AROUND_S) * 1000),
        "ChannelId": _other_half(command.attempt),
        "OtherChannelId": command.attempt,
        "Variable": variables,
    }


def _other_half(call: str) -> str:
    """Asterisk takes one id for another in use that begins with it, so neither begins as the other one is."""
    base, _, number = call.rpartition(".cb")
    return f"{base}.dials{number}"


def _variables(call: str, queue: QueueId, dnis: str, hold: str) -> str:
    """Of both halves. __: the agent's leg inherits it; the half that dials takes it off."""
    given = {
        "__CONTACTD_CALL": call,
        "CONTACTD_STANDIN": "yes",
        "CONTACTD_QUEUE": queue,
        "CONTACTD_DNIS": dnis,
        "CONTACTD_HOLD": hold,
        "CONTACTD_CLASS": "default",
    }
    return ",".join(f"{name}={value}" for name, value in given.items())


def end_attempt(command: EndAttempt) -> dict[str, str]:
    """AMI finds a channel by its Uniqueid as well."""
    return {"Action": "Hangup", "Channel": command.call, "Cause": "16"}
