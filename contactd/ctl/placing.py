"""A handset is rung, and dials a code when somebody answers: by the AMI account that may place calls."""

from __future__ import annotations

from pathlib import Path

from contactd.config import load
from contactd.core.errors import ContactdError
from contactd.core.ids import PbxId
from contactd.ctl.ami import Denied, LoginRefused, Session
from contactd.ctl.testcall import ACCOUNT

_RING_MS = 30_000


class NotPlaced(ContactdError):
    """The PBX takes no call from us."""


def ring(config: Path, pbx: str, endpoint: str, code: str, *, shown: str) -> None:
    """shown: what the handset displays. Raises NotPlaced, PbxUnreachable, ConfigErrors."""
    settings = load(config)
    section, secret = settings.pbx[PbxId(pbx)], settings.secrets.pbx[PbxId(pbx)].test_secret
    account = (
        f"Take the account {ACCOUNT} of manager_contactd.conf into manager.conf, and its secret as test_secret into"
        f" [pbx.{pbx}] of the secrets file; or dial {code} on the handset itself."
    )
    if secret is None:
        raise NotPlaced(f"contactd's own AMI account cannot place calls, on purpose. {account}")
    try:
        with Session(section.host, section.port, ACCOUNT, secret) as session:
            session.ask(
                "Originate",
                Channel=f"PJSIP/{endpoint}",
                Context="contactd-codes",
                Exten=code,
                Priority="1",
                CallerID=f'"{shown}" <{code[:3]}>',
                Timeout=str(_RING_MS),
                Async="true",
            )
    except (LoginRefused, Denied) as refused:
        raise NotPlaced(f"{refused} {account}") from None
