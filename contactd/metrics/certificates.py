"""Until when the certificates are valid that the PBXes show to handsets: asked of them as a handset would."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from prometheus_client import Gauge

from contactd.core.errors import ContactdError
from contactd.core.ids import Instant, PbxId
from contactd.metrics.registry import REGISTRY
from contactd.protocols.certificate import NoCertificate, ends

log = structlog.get_logger()

PATIENCE_S = 5.0
_EVERY_S = 3600.0
_AGAIN_S = 60.0

SIP_CERTIFICATE_END = Gauge(
    "contactd_sip_certificate_end_timestamp_seconds",
    "When the certificate of the PBX's SIP over TLS ends.",
    ["pbx"],
    registry=REGISTRY,
)


class NoTls(ContactdError):
    """Nobody, or no TLS, at that port."""


def certificate_end(host: str, port: int) -> Instant:
    """Of the certificate that is shown there, whoever signed it. Raises NoTls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is looked at, not believed: one that has ended is what we want to see.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return instant_of(ends(secured.getpeercert(binary_form=True) or b""))
    except (OSError, ValueError, NoCertificate) as error:
        raise NoTls(
            f"No certificate at {host}:{port} ({error}): is it the port of a PJSIP transport with protocol=tls, with"
            " its cert_file, and does the firewall let us through?"
        ) from None


def instant_of(end: str) -> Instant:
    """Raises ValueError for a day that there is not."""
    return datetime.strptime(end, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


async def watch_certificates(doors: Mapping[PbxId, tuple[str, int]]) -> None:
    """Until cancelled. doors: where the PBXes speak SIP over TLS. Unknown ones show no value."""
    known: set[PbxId] = set()
    while True:
        for pbx, (host, port) in doors.items():
            try:
                end = await asyncio.to_thread(certificate_end, host, port)
            except NoTls as error:
                log.warning("sip_certificate_not_seen", pbx=pbx, error=str(error))
                if pbx in known:
                    known.discard(pbx)
                    SIP_CERTIFICATE_END.remove(pbx)
            else:
                known.add(pbx)
                SIP_CERTIFICATE_END.labels(pbx).set(end)
        await asyncio.sleep(_EVERY_S if len(known) == len(doors) else _AGAIN_S)
