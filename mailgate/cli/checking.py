"""`mailgate check`: everything that can be wrong in a configuration, found at once, with the place where to mend it.

The settings and the company's files say their own mistakes; here they are put together with what only shows when the
keys, certificates, users and templates they name are opened. Nothing is written and nobody is asked.
"""

from __future__ import annotations

import os
import sqlite3
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailgate import yamlfile
from mailgate.errors import ConfigError, MailgateError, Mistake
from mailgate.scaffold import preset_folder, presets
from mailgate.yamlfile import Document, Location
from mailgate.yamltypes import FOREVER, UNLIMITED, Rate

if TYPE_CHECKING:
    from mailgate.settings import Settings

#: Before this version two writers at once can damage the file (sqlite.org, wal.html, "the WAL-reset bug").
_GOOD_SQLITE = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found. settings: None where mailgate.yaml itself could not be made sense of."""

    settings: Settings | None
    mistakes: list[Mistake]

    @property
    def good(self) -> bool:
        return not any(not m.warning for m in self.mistakes)


def check(path: Path) -> Checked:
    """All mistakes of mailgate.yaml at `path` and of the company's files, mistakes before warnings."""
    from mailgate.settings import read_settings

    settings, found = read_settings(path)
    try:
        document = yamlfile.load(path)
    except ConfigError:
        document = Document(str(path))
    found = [*found, *_company(path.parent, document, settings)]
    if settings is not None:
        found = [m for m in found if not m.reason.startswith("no `addresses`")]
        found += _Opened(document, settings).mistakes()
    unique = list({str(m): m for m in found}.values())
    return Checked(settings, sorted(unique, key=lambda m: m.warning))


def _company(folder: Path, document: Document, settings: Settings | None) -> list[Mistake]:
    """The mistakes of the company's files; where mailgate.yaml is broken, with what can be read of it."""
    from mailgate.company import read_company

    if settings is not None:
        preset, timezone = settings.preset, settings.timezone
        departments, agents = list(settings.departments), [a.address for a in settings.agents]
        webhooks: list[str] | None = [w.name for w in settings.webhooks]
        roles: set[str] | None = {a.role for a in settings.agents}
    else:
        data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        preset = str(data.get("preset")) if data.get("preset") in presets() else "centrium"
        timezone = "America/Sao_Paulo"
        addresses, people = _maps(data.get("addresses")), _maps(data.get("agents"))
        departments = [str(a["department"]) for a in addresses if "department" in a]
        departments += [str(d) for a in people for d in a.get("departments") or () if isinstance(a, dict)]
        agents = [str(a["address"]) for a in people if "address" in a]
        webhooks, roles = None, None
    _, mistakes = read_company(
        folder,
        preset_folder(preset),
        timezone=timezone,
        departments=departments or ["suporte"],
        agents=agents,
        webhooks=webhooks,
        whatsapp=settings is not None and settings.channels.whatsapp is not None,
        roles=roles,
    )
    return mistakes


def _maps(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class _Opened:
    """What only shows when files are opened."""

    def __init__(self, document: Document, settings: Settings) -> None:
        self._document = document
        self._settings = settings
        self._found: list[Mistake] = []

    def mistakes(self) -> list[Mistake]:
        """All of them."""
        for look in (
            self._addresses, self._keys, self._dkim, self._certificates, self._users, self._mailboxes,
            self._templates, self._store,
        ):  # fmt: skip
            try:
                look()
            except ConfigError as error:
                self._found += error.mistakes
        return self._found

    def _say(self, location: Location, reason: str, *, warning: bool = False) -> None:
        self._found.append(self._document.mistake(location, reason, warning=warning))

    def _addresses(self) -> None:
        from mailgate.links.tokens import LONGEST_LOCAL_PART
        from mailgate.yamltypes import is_loopback

        settings = self._settings
        if not settings.addresses:
            self._say((), "no `addresses`: write at least one")
        for index, own in enumerate(settings.addresses):
            local = own.address.rpartition("@")[0]
            if own.plus and len(local.encode()) > LONGEST_LOCAL_PART:
                self._say(
                    ("addresses", index, "address"),
                    f"`{local}` has more than {LONGEST_LOCAL_PART} characters, so that a reply address would have more "
                    "than 64 left of the @ (RFC 5321 §4.5.3.1.1); set `plus: no` for it",
                )
        host = settings.base_url.split("://")[1].partition("/")[0]
        if is_loopback(host.rpartition(":")[0] or host) and any(
            not a.address.endswith((".test", "@example.com", ".localhost", ".invalid")) for a in settings.addresses
        ):
            reason = "links in mails lead to this machine itself; customers need an address that they can reach"
            self._say(("base_url",), reason, warning=True)

    def _keys(self) -> None:
        from mailgate.links.tokens import load_mint

        load_mint(self._settings.keys)

    def _dkim(self) -> None:
        from mailgate.authn.domains import aligned
        from mailgate.authn.sign import load_signer

        section = self._settings.dkim
        if section is None:
            return
        try:
            load_signer(section.domain, section.selector, section.key_file)
        except MailgateError as error:
            if section.key_file.exists():  # a missing file was said already
                self._say(("dkim", "key_file"), str(error))
        for own in self._settings.addresses:
            domain = own.address.rpartition("@")[2]
            if not aligned(section.domain, domain, strict=False):
                reason = f"mail from {own.address} is signed by {section.domain}, which proves nothing about {domain}"
                self._say(("dkim", "domain"), reason + " (DMARC)", warning=True)

    def _certificates(self) -> None:
        settings = self._settings
        for name, section in (("smtp", settings.smtp), ("submission", settings.submission)):
            tls = section.tls if section is not None else None
            if tls is None or tls.cert is None or tls.key is None or not (tls.cert.exists() and tls.key.exists()):
                continue
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key)
            except (OSError, ssl.SSLError) as error:
                why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
                self._say((name, "tls", "cert"), f"{tls.cert} and {tls.key} cannot be used together: {why}")

    def _users(self) -> None:
        from mailgate.ingest.submission import read_users
        from mailgate.mail.addresses import normalise

        section = self._settings.submission
        if section is None or not section.users_file.exists():
            return
        where = ("submission", "users_file")
        agents = {normalise(a.address).lower() for a in self._settings.agents}
        for address, digest in read_users(section.users_file).items():
            if address not in agents:
                self._say(where, f"{address} is no agent: may log in, and writes as a customer", warning=True)
            if not digest.startswith("$argon2"):
                reason = f"the password of {address} stands there in clear; `mailgate agent password` hashes it"
                self._say(where, reason, warning=True)
        if section.users_file.stat().st_mode & 0o077:
            self._say(where, f"{section.users_file} can be read by others; chmod 600 it", warning=True)

    def _mailboxes(self) -> None:
        from mailgate.cli.probing import resolver_of
        from mailgate.serving.mailboxes import account_of

        try:
            resolver_of(self._settings)
        except ValueError as error:
            self._say(("auth", "resolver"), str(error))
        for index, section in enumerate(self._settings.imap if self._settings.addresses else ()):
            if section.password_file is not None and not section.password_file.exists():
                continue
            try:
                account_of(section, self._settings)
            except ValueError as error:
                self._say(("imap", index), str(error))

    def _templates(self) -> None:
        from mailgate.i18n import Translations
        from mailgate.notify.compose import Composer
        from mailgate.notify.lint import lint
        from mailgate.resources import data_folder

        templates = data_folder("templates")
        own = self._settings.folder / "templates"
        shipped, translations = Translations.beside(templates), Translations.beside(templates, own)
        composer = Composer(templates, translations, own if own.is_dir() else None)
        self._found += lint(composer, translations, [own / "mail", templates / "mail"], shipped)

    def _store(self) -> None:
        settings = self._settings
        if settings.blobs.startswith("s3://"):
            from mailgate.opening import bucket_access

            try:
                access = bucket_access(settings, os.environ)
            except ConfigError as error:
                self._say(("object_storage", "credentials_file"), error.mistakes[0].reason)
            else:
                if not access.key_id:
                    reason = "no credentials in the file or the environment: the role of this machine must do"
                    self._say(("blobs",), reason, warning=True)
        if settings.is_sqlite and sqlite3.sqlite_version_info < _GOOD_SQLITE:
            reason = (
                f"SQLite {sqlite3.sqlite_version} can damage its file when two programs write at once; mailgate never "
                "does, so let no other program write into it (SQLite 3.51.3 mends it)"
            )
            self._say(("database",), reason, warning=True)
        folder = settings.data
        if folder.exists() and folder.stat().st_mode & 0o077:
            self._say(("data",), f"{folder} is open to others; chmod 700 it", warning=True)


def limits_of(settings: Settings) -> list[tuple[str, str, str]]:
    """Every limit as (key, in force, default), in the words of mailgate.yaml."""
    from mailgate.limit_settings import Limits

    own, usual = settings.limits, Limits()
    return [(n, _written(n, getattr(own, n)), _written(n, getattr(usual, n))) for n in Limits.model_fields]


def _written(name: str, value: object) -> str:
    """A limit as an admin would write it."""
    if isinstance(value, timedelta):
        return "off" if value >= FOREVER else _span(value)
    if isinstance(value, tuple):
        return ", ".join(f"{r.count}/{_span(r.per)}" for r in value if isinstance(r, Rate)) or "off"
    if isinstance(value, int) and value >= UNLIMITED:
        return "off"
    if isinstance(value, int) and name.endswith("_bytes"):
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value >= size:
                return f"{value / size:g}{unit}"
    return str(value)


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
