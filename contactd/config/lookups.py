"""What can be wrong with [lookup] beyond its single keys: where it leads, and what it would give away."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from contactd.config.problems import Key, Problems
from contactd.config.sections import Lookup, SecretSections, Sections

_PLACE = re.compile(r"\{[^}]*\}?|\}")
_PLACES = ("{number}", "{digits}")
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_OURS = {"accept", "accept-encoding", "content-length", "content-type", "host", "transfer-encoding"}
_SECRET = {"authorization", "cookie", "proxy-authorization", "x-api-key"}
_URL: Key = ("lookup", "url")


def check_lookup(sections: Sections, into: Problems) -> None:
    section = sections.lookup
    if not section.url:
        if section != Lookup() and not into.complained(_URL):
            into.add(_URL, "this key is missing", "Give the URL, or take the section out")
        return
    _url(section.url, into)
    texts: dict[Key, str] = {
        _URL: section.url,
        **{("lookup", "body", name): text for name, text in section.body.items()},
    }
    if not any(place in text for text in texts.values() for place in _PLACES):
        into.add(_URL, "the number is nowhere in it", "Write {number} or {digits} in its path or query")
    for key, text in texts.items():
        strange = [place for place in _PLACE.findall(text) if place not in _PLACES]
        if strange:
            into.add(key, f"{strange[0]} is not known", f"Give {' or '.join(_PLACES)}")
    if section.body and section.method != "POST":
        into.add(("lookup", "body"), "a GET has no body", 'Take it out, or give method = "POST"')
    _headers(section, into)
    if section.ca_file and not os.access(section.ca_file, os.R_OK):
        into.add(("lookup", "ca_file"), "this file cannot be read", "Name one that the user contactd may read")
    for name in section.fields:
        if name not in sections.customers.fields:
            remedy = f"Declare it as [customers.fields.{name}], or take it out"
            into.add(("lookup", "fields", name), f'there is no field "{name}"', remedy)


def check_lookup_secret(sections: Sections, secrets: SecretSections, into: Problems) -> None:
    """into: the problems of the secrets file."""
    text = sections.lookup.url
    if secrets.lookup.secret is None or _malformed(text):
        return
    url = urlsplit(text)
    if url.scheme == "http" and url.hostname not in _LOCAL:
        into.add(("lookup", "secret"), "it would go over the network in the clear", "Give a url with https in [lookup]")


def _headers(section: Lookup, into: Problems) -> None:
    for name in section.headers:
        if name.lower() in _OURS:
            into.add(("lookup", "headers", name), "contactd writes this header", "Take it out")
        elif name.lower() in _SECRET | {section.secret_header.lower()}:
            remedy = f'Give secret under [lookup] in the secrets file, and secret_header = "{name}"'
            into.add(("lookup", "headers", name), "a secret in a file that is kept with the journal", remedy)


def _url(text: str, into: Problems) -> None:
    if _malformed(text):
        into.add(_URL, "no URL", "Give one such as https://crm.example.org/callers?number={number}")
        return
    url = urlsplit(text)
    if "{" in url.netloc or not url.hostname:
        into.add(_URL, "the host is not fixed", "Write the host itself; the number belongs in the path or query")
    if url.username is not None or url.password is not None:
        remedy = "Give secret under [lookup] in the secrets file"
        into.add(_URL, "a login in a file that is kept with the journal", remedy)
    if url.fragment:
        into.add(_URL, "a fragment (#...) is never sent", "Take it out")


def _malformed(text: str) -> bool:
    try:
        return urlsplit(text).port == 0
    except ValueError:
        return True
