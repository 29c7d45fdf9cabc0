"""What can be wrong with [desk] beyond its single keys."""

from __future__ import annotations

import ipaddress
import os

from contactd.config.problems import Problems
from contactd.config.sections import Desk

_LOCAL = ("127.", "localhost", "::1")
_ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - recognised here, not bound


def check_desk(desk: Desk, into: Problems) -> None:
    for network in desk.proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            into.add(("desk", "proxies"), f'"{network}" is no network', 'Give one such as "10.0.0.5/32"')
    if not desk.port:
        return
    if bool(desk.certificate) != bool(desk.key):
        key = "key" if desk.certificate else "certificate"
        into.add(("desk", key), "a certificate needs its key, and a key its certificate", "Give both, or neither")
    for name in ("certificate", "key"):
        path = getattr(desk, name)
        if path and not os.access(path, os.R_OK):
            into.add(("desk", name), "this file cannot be read", "Name one that the user contactd may read")
    alone = not desk.certificate and not desk.proxies
    if alone and not desk.listen.startswith(_LOCAL):
        remedy = "Give certificate and key, or the networks of a reverse proxy with TLS in proxies"
        into.add(("desk", "listen"), "passwords and customers' names would go over the network in the clear", remedy)
    if desk.listen in _ANYWHERE and not desk.origin:
        into.add(
            ("desk", "origin"), "nobody knows how browsers reach this", 'Give "https://" and the name of this host'
        )
    if desk.certificate and desk.origin.startswith("http://"):
        into.add(("desk", "origin"), "with a certificate browsers come by https", "Write https:// there")
