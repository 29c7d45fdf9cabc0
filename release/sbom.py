"""A software bill of materials in CycloneDX 1.6: contactd, what it is made of, the licences, every file's hash."""

from __future__ import annotations

import datetime
import email.message
import email.parser
import json
import re
import uuid
import zipfile
from pathlib import Path
from typing import Any

from release.wheels import contents, digest

_NAMESPACE = uuid.UUID("7d1f3f0e-9a0c-5b57-8f5e-c0a7ac7d0001")
# What the classifiers of those packages that have no SPDX expression mean.
_CLASSIFIED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
}


def text(house: Path, *, epoch: int = 0) -> str:
    """The bill as a file has it."""
    return json.dumps(bill(house, epoch=epoch), indent=2, sort_keys=True) + "\n"


def bill(house: Path, *, epoch: int = 0) -> dict[str, Any]:
    """The bill of all wheels in `house`, the same for the same wheels and time. epoch: that, in Unix seconds."""
    packages = {name: (release, files, _metadata(files[0])) for (name, release), files in contents(house).items()}
    components = {name: _component(name, *package) for name, package in packages.items()}
    own = components.pop("contactd") | {"type": "application"}
    refs = {name: component["bom-ref"] for name, component in [*components.items(), ("contactd", own)]}
    dependencies = [
        {"ref": refs[name], "dependsOn": sorted(refs[needed] for needed in _needs(metadata) if needed in refs)}
        for name, (_, _, metadata) in sorted(packages.items())
    ]
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    serial = uuid.uuid5(_NAMESPACE, json.dumps([own, *components.values()], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": own},
        "components": [components[name] for name in sorted(components)],
        "dependencies": dependencies,
    }


def _component(name: str, release: str, files: list[Path], metadata: email.message.Message) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{release}"
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": release,
        "purl": purl,
        "description": metadata.get("Summary", ""),
        "components": [
            {
                "type": "file",
                "bom-ref": f"{purl}#{file.name}",
                "name": file.name,
                "hashes": [{"alg": "SHA-256", "content": digest(file)}],
            }
            for file in files
        ],
    }
    if licence := _licence(metadata):
        made["licenses"] = [licence]
    return made


def _licence(metadata: email.message.Message) -> dict[str, Any] | None:
    if expression := metadata.get("License-Expression"):
        return {"expression": expression}
    for classifier in metadata.get_all("Classifier", []):
        if classifier.startswith("License :: ") and (known := _CLASSIFIED.get(classifier.rpartition(" :: ")[2])):
            return {"license": {"id": known}}
    # Some put the whole text there.
    if (named := metadata.get("License", "").strip()) and "\n" not in named:
        return {"license": {"name": named}}
    return None


def _needs(metadata: email.message.Message) -> set[str]:
    """The packages that it names; those for another system are in no house."""
    needed = set()
    for line in metadata.get_all("Requires-Dist", []):
        wanted, _, condition = line.partition(";")
        if "extra ==" not in condition and (match := re.match(r"[\w.-]+", wanted.strip())):
            needed.add(re.sub(r"[-_.]+", "-", match[0]).lower())
    return needed


def _metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return email.parser.Parser().parsestr(archive.read(name).decode("utf-8"))
