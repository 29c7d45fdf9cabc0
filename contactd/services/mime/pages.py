"""HTML of mail: cleaned so that a page that shows it runs nothing and asks nobody, and turned into text."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import nh3

LONGEST = 1 << 20
_DEEPEST = 1000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_ALONE = {
    "br",
    "hr",
    "img",
    "input",
    "meta",
    "link",
    "col",
    "wbr",
    "area",
    "base",
    "p",
    "li",
    "td",
    "tr",
    "th",
    "option",
}
"""What needs no end, or ends the one before."""
_DROPPED = {"script", "style", "head", "title", "noscript", "template", "iframe", "object", "svg", "math", "form"}
_TAGS = (nh3.ALLOWED_TAGS | {"font", "center", "u", "s", "big"}) - _DROPPED - {"map", "area"}
_STYLES = {
    "color", "background-color", "font-family", "font-size", "font-style", "font-weight", "text-align",
    "text-decoration", "border",
    "border-collapse", "padding", "margin", "width", "height", "vertical-align", "white-space",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"style", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"width", "border", "cellpadding", "cellspacing", "align"},
    "td": {"width", "colspan", "rowspan", "align", "valign"},
    "th": {"width", "colspan", "rowspan", "align", "valign"},
    "font": {"color", "face", "size"},
    "ol": {"start"},
}
_PICTURE = re.compile(r"data:image/(png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE)
_LINES = {
    "p",
    "div",
    "br",
    "tr",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "ul",
    "ol",
    "pre",
    "hr",
    "blockquote",
}


def cleaned(html: str) -> tuple[str, int]:
    """The HTML, and how many remote images were taken out. Inline images stay as cid:."""
    html, remote = html[:LONGEST], 0
    if _too_deep(html):
        # The cleaner takes time as the square of the depth. Its words are enough of such a page.
        return nh3.clean_text(re.sub(r"<[^<>]*>", " ", html)), 0

    def attribute(tag: str, name: str, value: str) -> str | None:
        nonlocal remote
        if tag == "img" and name == "src":
            if value.lower().startswith("cid:") or _PICTURE.match(value):
                return value
            remote += 1
            return None
        if name == "href" and not value.lower().startswith(("http:", "https:", "mailto:", "tel:")):
            return None
        return value

    clean = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        filter_style_properties=_STYLES,
        strip_comments=True,
    )
    return clean, remote


def _too_deep(html: str) -> bool:
    """Counted by name, so that closing what was never open hides nothing."""
    opened: Counter[str] = Counter()
    depth = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if match[1]:
            if opened[name]:
                opened[name] -= 1
                depth -= 1
        elif name not in _ALONE:
            opened[name] += 1
            depth += 1
            if depth > _DEEPEST:
                return True
    return False


def text_of(clean: str) -> str:
    """clean: what cleaned() gave, which is well-formed. Quoted parts begin with >."""
    reader = _Text()
    reader.feed(clean)
    reader.close()
    return reader.text()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._quoted = 0
        self._as_it_is = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LINES:
            self._end()
        if tag == "li":
            self._line = "- "
        self._quoted += tag == "blockquote"
        self._as_it_is += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in _LINES - {"br", "hr"}:
            self._end()
            if tag in ("p", "blockquote", "table"):
                self._lines.append("")
        elif tag in ("td", "th"):
            self._line += "  "
        self._quoted -= tag == "blockquote" and self._quoted > 0
        self._as_it_is -= tag == "pre" and self._as_it_is > 0

    def handle_data(self, data: str) -> None:
        if self._as_it_is:
            for line in data.split("\n"):
                self._line += line
                self._end()
            return
        words = re.sub(r"[ \t\n\xa0]+", " ", data)
        self._line += words.lstrip() if not self._line or self._line.endswith(" ") else words

    def text(self) -> str:
        self._end()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def _end(self) -> None:
        if self._line.strip():
            self._lines.append("> " * min(self._quoted, 5) + self._line.rstrip())
        self._line = ""
