"""What can be wrong with [webhooks.<id>] beyond its single keys: where it leads, and what it would give away."""

from __future__ import annotations

import base64
import os
from urllib.parse import urlsplit

from contactd.config.lookups import LOCAL, OURS, SECRET, check_url
from contactd.config.problems import Key, Problems
from contactd.config.sections import SecretSections, Sections, Webhook

_SIGNED = {"webhook-id", "webhook-timestamp", "webhook-signature", "user-agent"}


def check_webhooks(sections: Sections, into: Problems) -> None:
    for name, hook in sections.webhooks.items():
        at: Key = ("webhooks", name)
        url: Key = (*at, "url")
        if hook.url and check_url(hook.url, url, into, instead=f"secret headers under [webhooks.{name}]"):
            parts = urlsplit(hook.url)
            if parts.scheme == "http" and parts.hostname not in LOCAL:
                into.add(url, "what happens here would go over the network in the clear", "Give a URL with https")
        if not hook.events and not into.complained((*at, "events")):
            into.add((*at, "events"), "it is told nothing", 'Give events such as "contact.ended", or take it out')
        for pattern in hook.events:
            if pattern and not Webhook(url="", events=(pattern,)).told:
                into.add((*at, "events"), f'there is no event "{pattern}"', "docs/webhooks.rst lists them")
        if hook.ca_file and not os.access(hook.ca_file, os.R_OK):
            into.add((*at, "ca_file"), "this file cannot be read", "Name one that the user contactd may read")
        for header in hook.headers:
            if header.lower() in SECRET:
                remedy = f"Give it under [webhooks.{name}.headers] in the secrets file"
                into.add((*at, "headers", header), "a secret in a file that is kept with the journal", remedy)
            _header((*at, "headers", header), header, into)


def check_webhook_secrets(sections: Sections, secrets: SecretSections, into: Problems) -> None:
    """into: the problems of the secrets file."""
    for name in sections.webhooks:
        if name not in secrets.webhooks and not into.complained(("webhooks", name)):
            remedy = "Give what this prints, to the receiver too: echo whsec_$(openssl rand -base64 32)"
            into.add(("webhooks", name, "secret"), "this key is missing", remedy)
    for name, kept in secrets.webhooks.items():
        if name not in sections.webhooks:
            into.unknown(("webhooks", name), sections.webhooks)
        for key, text in (("secret", kept.secret), ("old_secret", kept.old_secret)):
            if text and not _decodes(text):
                remedy = "Give whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)"
                into.add(("webhooks", name, key), "not 24 to 64 bytes in base64", remedy)
        for header in kept.headers:
            _header(("webhooks", name, "headers", header), header, into)


def _header(key: Key, name: str, into: Problems) -> None:
    if name.lower() in OURS | _SIGNED:
        into.add(key, "contactd writes this header", "Take it out")


def _decodes(text: str) -> bool:
    try:
        return 24 <= len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) <= 64
    except ValueError:
        return False
