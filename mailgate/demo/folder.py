"""The demo's folder: a configuration that an admin could have written, the agents' passwords, a DKIM key.

Nothing that exists is overwritten, except that `--port-offset` moves the ports. A folder with another configuration in
it is never touched.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mailgate.authn.sign import dns_record, generate_key
from mailgate.demo.cast import ANA, CAST, PASSWORD, SUPPORT
from mailgate.demo.ports import LOOPBACK, Ports
from mailgate.errors import DataError
from mailgate.ingest.submission import hash_password
from mailgate.scaffold import FILE_NAME, ensure_keys, write_articles

MARK = "# mailgate demo"
MAILBOX = "mailbox"
USERS = "users"
DKIM_KEY = "dkim.pem"
SELECTOR = "demo"
DOMAIN = SUPPORT.rpartition("@")[2]

_CONFIGURATION = """\
{mark}: one machine, nothing leaves it. Try things: edit this file or put a rules.yaml beside it
# (config/presets/centrium/rules.yaml is the one in force), and start again. docs/settings.md explains every key.

base_url: http://{host}:{portal}
data: data
locale: {locale}
preset: centrium
company: {{name: Exemplo Sistemas, site: "https://example.test", hours: 8h–18h}}
addresses:
  - {{address: {support}, department: suporte}}
agents:
{agents}

smtp: {{listen: "{host}:{smtp}", hostname: mx.example.test}}
submission: {{listen: "{host}:{submission}", users_file: {users}}}      # password of both agents: {password}
lmtp: {{listen: "{host}:{lmtp}"}}

# The relay of the demo keeps every mail and shows it at http://{host}:{mailbox}/
relay: {{host: {host}, port: {relay}, tls: none, retry: [2s, 5s]}}
dkim: {{domain: {domain}, selector: {selector}, key_file: {dkim}}}

# A name server of the demo's own: it knows example.test and cliente.test, and works without a network.
auth: {{resolver: "{host}:{dns}", timeout: 1s}}

portal: {{listen: "{host}:{portal}"}}
ops: {{listen: "{host}:{ops}"}}

limits: {{acks_per_address: off}}         # a first look may well open ten tickets in ten minutes
"""


def prepare(folder: Path, *, locale: str, offset: int | None, fresh: bool) -> Ports:
    """Make the demo's folder where it is missing; the ports it uses.

    offset: moves the ports, also of a folder that exists; None leaves them. fresh: throw the demo's files away first.
    Raises DataError for a folder with another configuration, or that cannot be written; UsageError for a bad offset.
    """
    file = folder / FILE_NAME
    try:
        if fresh:
            _throw_away(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = _read(file) if file.exists() else ""
        ports = Ports.shifted(offset if offset is not None else _offset_in(text))
        text = _moved(text, ports) if text else configuration(ports, locale)
        _write(file, text)
        if not (folder / USERS).exists():
            hashed = hash_password(PASSWORD)
            _write(folder / USERS, "".join(f"{p.address}:{hashed}\n" for p in CAST if p.is_agent))
        if not (folder / DKIM_KEY).exists():
            _write(folder / DKIM_KEY, generate_key("rsa")[0].decode("ascii"))
        (folder / MAILBOX).mkdir(mode=0o700, exist_ok=True)
        write_articles(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{error.filename or folder} cannot be written: {reason}; choose a folder: --data") from error
    ensure_keys(folder / "data")
    return ports


def configuration(ports: Ports, locale: str) -> str:
    """The text of the demo's mailgate.yaml."""
    agents = "\n".join(
        f"  - {{name: {p.name}, address: {p.address}, departments: [suporte], role: agent}}" for p in CAST if p.is_agent
    )
    return _CONFIGURATION.format(
        mark=MARK,
        host=LOOPBACK,
        locale=locale,
        support=SUPPORT,
        agents=agents,
        users=USERS,
        password=PASSWORD,
        domain=DOMAIN,
        selector=SELECTOR,
        dkim=DKIM_KEY,
        **dict(ports.each()),
    )


def zone(folder: Path) -> dict[str, dict[str, list[str]]]:
    """What the demo's name server knows: both domains may send from this machine, and ours publishes its key."""
    key = (folder / DKIM_KEY).read_bytes()
    here = {"TXT": [f"v=spf1 ip4:{LOOPBACK} -all"], "A": [LOOPBACK]}
    return {
        DOMAIN: here,
        ANA.address.rpartition("@")[2]: here,
        f"{SELECTOR}._domainkey.{DOMAIN}": {"TXT": [dns_record(key)]},
    }


def _read(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if not text.startswith(MARK):
        raise DataError(f"{file} is not the demo's and is left alone; choose another folder: mailgate demo --data DIR")
    return text


def _throw_away(folder: Path) -> None:
    """Remove what the demo made, and nothing else."""
    if not (folder / FILE_NAME).exists():
        return
    _read(folder / FILE_NAME)
    for name in ("data", MAILBOX, "knowledge"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (USERS, DKIM_KEY, FILE_NAME):
        (folder / name).unlink(missing_ok=True)


def _offset_in(text: str) -> int:
    found = re.search(rf'^smtp: \{{listen: "{re.escape(LOOPBACK)}:(\d+)"', text, re.MULTILINE)
    return int(found[1]) - Ports().smtp if found else 0


def _moved(text: str, ports: Ports) -> str:
    """The same text with the demo's ports moved; what an admin wrote beside them stays."""
    old = Ports.shifted(_offset_in(text))
    new = {str(number): str(getattr(ports, name)) for name, number in old.each()}
    pattern = "|".join(new)
    return re.sub(rf"(?<![\d.])(?:{pattern})(?!\d)", lambda m: new[m[0]], text)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
