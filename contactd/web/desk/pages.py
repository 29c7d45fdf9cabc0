"""The page's files, held in memory: read once, compressed once, and nothing else on the disk can be asked for."""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

_IMPORT_MAP = re.compile(rb"<script type=\"?importmap\"?>(.*?)</script>", re.DOTALL)
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
_TEXT = ("text/", "application/json", "image/svg+xml", "application/manifest+json")
_SMALL = 512


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    packed: bytes | None
    type: str
    tag: str


class Pages:
    """Every file of the folder, by its path in the address."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._files = {
            path: _file(path, body)
            for path, body in _walk(folder or files("contactd.web") / "page", "")
            # Papers and tools for who changes the page, not for browsers.
            if not path.endswith((".rst", ".md", ".py", ".pyc"))
        }
        index = self._files.get("index.html")
        self.index_hashes = _hashes(index.body) if index is not None else []
        """Of what stands inline in the index: an import map cannot stand anywhere else."""

    def __len__(self) -> int:
        return len(self._files)

    def find(self, path: str) -> File | None:
        return self._files.get(path) or self._files.get(path.removeprefix("static/"))

    def answer(self, request: web.Request) -> web.Response:
        path = request.path.lstrip("/") or "index.html"
        file = self.find(path)
        if file is None and "." not in path.rpartition("/")[2]:
            # A view of the page, which has its own addresses.
            file = self.find("index.html")
        if file is None:
            return web.Response(status=404, text="There is no such file.\n")
        headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == file.tag:
            return web.Response(status=304, headers=headers)
        body = file.body
        if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = file.packed, "gzip"
        return web.Response(body=body, headers={**headers, "Content-Type": file.type})


def _walk(folder: Traversable, before: str) -> list[tuple[str, bytes]]:
    if not folder.is_dir():
        return []
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            found += _walk(entry, f"{before}{entry.name}/")
        else:
            found.append((before + entry.name, entry.read_bytes()))
    return found


def _file(path: str, body: bytes) -> File:
    end = path[path.rfind(".") :] if "." in path else ""
    kind = _TYPES.get(end) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    text = kind.startswith(_TEXT)
    packed = gzip.compress(body, 9, mtime=0) if text and len(body) > _SMALL else None
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return File(body, packed, f"{kind}; charset=utf-8" if text else kind, tag)


def _hashes(index: bytes) -> list[str]:
    return [f"'sha256-{base64.b64encode(hashlib.sha256(m).digest()).decode()}'" for m in _IMPORT_MAP.findall(index)]
