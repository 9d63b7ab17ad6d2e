"""What the gateway is made of, read out of the lock: its licences, its SBOM, and whether a weakness is known.

    python -m tests.supply                  check: 1 if a licence is unknown or unfit, or docs/licences.md is stale
    python -m tests.supply --write          write docs/licences.md (`make licences`)
    python -m tests.supply --sbom FOLDER    write mailgate-VERSION.cdx.json there (`make sbom`)
    python -m tests.supply --audit          are weaknesses known (`make audit`)? 0 none, 1 some, 75 nobody was asked

`requirements/run.txt` is the lock: one version of each package, for all platforms, with the SHA-256 of every file that
may be installed as it. Licences are SPDX expressions, from the packages' own metadata where it says so, else from
`SAID`, which a person filled by reading the licence's text. Sources: CycloneDX 1.6 (ECMA-424), SPDX licence list.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "run.txt"
PAGE = ROOT / "docs" / "licences.md"
NOT_ASKED = 75

#: What a program that is given to customers may be made of. The weak copyleft ones (MPL, LGPL) bind changes to the
#: library itself, which we do not make; GPL and AGPL would bind the whole and are not here.
FIT = frozenset(
    ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Zlib")
)

#: Read by a person in the package's own licence file, since its metadata has no SPDX expression.
SAID = {
    "aiosmtpd": "Apache-2.0",
    "authres": "Apache-2.0",
    "bleach": "Apache-2.0",
    "certifi": "MPL-2.0",
    "colorama": "BSD-3-Clause",
    "dkimpy": "Zlib",
    "editables": "MIT",
    "google-re2": "BSD-3-Clause",
    "imapclient": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "obstore": "MIT",
    "pathspec": "MPL-2.0",
    "publicsuffix2": "MIT AND MPL-2.0",
    "pwdlib": "MIT",
    "pyspf": "PSF-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "setuptools": "MIT",
    "shellingham": "ISC",
    "trove-classifiers": "Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
    "webencodings": "BSD-3-Clause",
}

_ENTRY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")
_HASH = re.compile(r"^    --hash=sha256:([0-9a-f]{64})(?: \\)?$")
_VIA = re.compile(r"^    # +(?:via )?(?P<by>\S.*)$")


@dataclass(frozen=True)
class Locked:
    """One package of the lock. marker: where it is needed, "" for everywhere. needed_by: names; `mailgate` for us."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    needed_by: tuple[str, ...]


def locked(text: str) -> list[Locked]:
    """The packages of a lock, in its order. Raises ValueError at a line that is not of the form `make lock` writes."""
    found: list[Locked] = []
    entry: re.Match[str] | None = None
    hashes: list[str] = []
    by: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins = _ENTRY.match(line)
        if entry and (begins or not line):
            found.append(Locked(entry["name"], entry["version"], entry["marker"] or "", tuple(hashes), tuple(by)))
            entry, hashes, by = None, [], []
        if begins:
            entry = begins
        elif digest := _HASH.match(line):
            hashes.append(digest[1])
        elif via := _VIA.match(line):
            by += [] if via["by"] == "via" else ["mailgate" if via["by"].startswith("mailgate") else via["by"]]
        elif line:
            raise ValueError(f"the lock has a line that pins nothing: {line!r}")
    return found


def licence(name: str) -> str:
    """The SPDX expression of a package; "" if nobody has said. What the metadata says in SPDX counts before `SAID`."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # needed on another platform only
        return SAID.get(name, "")
    if "License-Expression" in about:
        return str(about["License-Expression"])
    loose = str(about.get("License") or "")
    return loose if set(_ids(loose)) <= FIT else SAID.get(name, "")


def _ids(expression: str) -> list[str]:
    return [word for word in re.split(r"[()\s]+", expression) if word not in ("", "AND", "OR")] or ["none"]


def faults(packages: list[Locked]) -> list[str]:
    """What is wrong with the lock, as sentences: no hash, a licence that nobody has read or that does not fit."""
    wrong = [f"{one.name} {one.version} has no hash" for one in packages if not one.sha256]
    for one in packages:
        said = licence(one.name)
        if not said:
            wrong.append(f"{one.name} {one.version}: its licence is unknown. Read it, and say it in tests/supply.py")
        elif not set(_ids(said)) <= FIT:
            wrong.append(f"{one.name} {one.version}: {said} does not fit")
    return wrong


def page(packages: list[Locked]) -> str:
    """docs/licences.md."""
    lines = [
        "# Licences of what mailgate is made of",
        "",
        "Written by `make licences` from `requirements/run.txt`, the lock of what is installed to run it (SPDX names).",
        "The texts come with the packages. psycopg (LGPL) and those under MPL are used unchanged, as libraries.",
        "",
        "| package | version | licence | needed by |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {one.name} | {one.version} | {licence(one.name)} | {', '.join(one.needed_by)} |" for one in packages]
    return "\n".join(lines) + "\n"


def version() -> str:
    """Our own version."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def sbom(packages: list[Locked], made_at: datetime) -> str:
    """The lock as a CycloneDX 1.6 document: versions, hashes, licences, who needs whom.

    made_at: aware UTC. The same lock and instant give the same bytes: the serial number hangs on both.
    """
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseExpression
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    own = Component(name="mailgate", version=version(), type=ComponentType.APPLICATION, bom_ref="mailgate")
    parts = {"mailgate": own}
    bom = Bom()
    for one in packages:
        parts[one.name] = Component(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            bom_ref=f"{one.name}=={one.version}",
            purl=PackageURL("pypi", None, one.name, one.version),
            licenses=[LicenseExpression(licence(one.name))],
            # One for each file (wheel of a platform, source) that may be installed as this version.
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256) for sha256 in one.sha256],
            properties=[Property(name="mailgate:marker", value=one.marker)] if one.marker else [],
        )
        bom.components.add(parts[one.name])
    bom.metadata.component = own
    bom.metadata.timestamp = made_at
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"mailgate {version()} {made_at.isoformat()} {packages}")
    for needed in packages:
        for name in needed.needed_by:
            bom.register_dependency(parts[name], [parts[needed.name]])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def made_at() -> datetime:
    """Now; or SOURCE_DATE_EPOCH (seconds), for a release that can be made again with the same bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC).replace(microsecond=0)


def audit(command: list[str]) -> tuple[int, str]:
    """(exit code, what to say) of pip-audit over the lock. `command`: pip-audit itself, without options.

    A registry that answers "no such package" (a mirror without that part) makes pip-audit skip the package and end
    well. Whoever was skipped was not asked about: that is 75, not 0.
    """
    options = ["-r", str(LOCK), "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=600)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        return NOT_ASKED, f"Nobody could be asked about known weaknesses (offline?): {last[:200]}"
    weak = [f"{one['name']} {one['version']}: {bad['id']}" for one in told for bad in one.get("vulns", [])]
    skipped = [one["name"] for one in told if "skip_reason" in one]
    if weak:
        return 1, "\n".join(["Known weaknesses:", *weak])
    if skipped or not told:
        few = ", ".join(skipped[:3])
        return (
            NOT_ASKED,
            f"{len(skipped)} of {len(told)} packages could not be asked about ({few} …): nothing is proven",
        )
    return 0, f"{len(told)} packages asked about: no weakness is known."


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit code."""
    if arguments == ["--audit"]:
        code, said = audit([sys.executable, "-m", "pip_audit"])
        print(said)
        return code
    packages = locked(LOCK.read_text(encoding="utf-8"))
    wrong = faults(packages)
    if arguments == ["--write"] and not wrong:
        PAGE.write_text(page(packages), encoding="utf-8")
    elif arguments[:1] == ["--sbom"] and not wrong:
        folder = Path(arguments[1])
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"mailgate-{version()}.cdx.json"
        target.write_text(sbom(packages, made_at()), encoding="utf-8")
        print(target)
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(packages):
        wrong.append("docs/licences.md is not what the lock says: make licences")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
