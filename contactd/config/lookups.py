"""What can be wrong with [lookup] beyond its single keys: where it leads, and what it would give away. Web hooks are
looked at by the same rules."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from contactd.config.problems import Key, Problems
from contactd.config.sections import Lookup, SecretSections, Sections

_PLACE = re.compile(r"\{[^}]*\}?|\}")
_PLACES = ("{number}", "{digits}")
LOCAL = {"127.0.0.1", "localhost", "::1"}
OURS = {"accept", "accept-encoding", "content-length", "content-type", "host", "transfer-encoding"}
SECRET = {"authorization", "cookie", "proxy-authorization", "x-api-key"}
_URL: Key = ("lookup", "url")


def check_lookup(sections: Sections, into: Problems) -> None:
    section = sections.lookup
    if not section.url:
        if section != Lookup() and not into.complained(_URL):
            into.add(_URL, "this key is missing", "Give the URL, or take the section out")
        return
    if check_url(section.url, _URL, into, instead="secret under [lookup]"):
        _host(section.url, into)
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
    if url.scheme == "http" and url.hostname not in LOCAL:
        into.add(("lookup", "secret"), "it would go over the network in the clear", "Give a url with https in [lookup]")


def _headers(section: Lookup, into: Problems) -> None:
    for name in section.headers:
        if name.lower() in OURS:
            into.add(("lookup", "headers", name), "contactd writes this header", "Take it out")
        elif name.lower() in SECRET | {section.secret_header.lower()}:
            remedy = f'Give secret under [lookup] in the secrets file, and secret_header = "{name}"'
            into.add(("lookup", "headers", name), "a secret in a file that is kept with the journal", remedy)


def check_url(text: str, key: Key, into: Problems, *, instead: str) -> bool:
    """Whether it is one at all. instead: where a login belongs in the secrets file."""
    if _malformed(text):
        into.add(key, "no URL", "Give one such as https://crm.example.org/contactd")
        return False
    url = urlsplit(text)
    if not url.hostname:
        into.add(key, "there is no host in it", "Give one such as https://crm.example.org/contactd")
    if url.username is not None or url.password is not None:
        into.add(key, "a login in a file that is kept with the journal", f"Give {instead} in the secrets file")
    if url.fragment:
        into.add(key, "a fragment (#...) is never sent", "Take it out")
    return True


def _host(text: str, into: Problems) -> None:
    if "{" in urlsplit(text).netloc:
        into.add(_URL, "the host is not fixed", "Write the host itself; the number belongs in the path or query")


def _malformed(text: str) -> bool:
    try:
        return urlsplit(text).port == 0
    except ValueError:
        return True
