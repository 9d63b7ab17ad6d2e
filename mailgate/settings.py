"""What an admin sets in `mailgate.yaml`, as frozen values; every key has a default that runs.

Read in `app` and `cli` only: other floors get values. Relative paths are taken from the folder of the file. Loading
says every mistake at once (`file:line:column: reason`); what is legal but unwise is a warning of `check`.
`docs/settings.md` explains each key.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, model_validator

from mailgate import yamlfile
from mailgate.clock import Clock, file_clock, utc_now
from mailgate.errors import ConfigError, Mistake
from mailgate.limit_settings import Limits
from mailgate.scaffold import FILE_NAME, presets
from mailgate.sections import (
    BUCKET,
    NUMBER,
    AgentEntry,
    Assistant,
    Auth,
    Channels,
    Company,
    Digests,
    Dkim,
    ImapAccount,
    Knowledge,
    Lmtp,
    ObjectStorage,
    Ops,
    Portal,
    Relay,
    Retention,
    Smtp,
    Submission,
    SupportAddress,
    Sweeps,
    TicketKey,
    WebhookEntry,
)
from mailgate.yamlfile import Document, did_you_mean
from mailgate.yamltypes import (
    Duration,
    Language,
    RequiredPath,
    Section,
    is_loopback,
    is_variable,
)


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not a time zone{did_you_mean(value, available_timezones())}")
    return value


def _preset(value: str) -> str:
    known = presets()
    if value not in known:
        raise ValueError(f"{value!r} is not a preset; there are {', '.join(known)}{did_you_mean(value, known)}")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is not a base address; write it like https://suporte.example.com")
    _ = parts.port  # ValueError for one that there is not
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http is only for this machine itself (127.0.0.1); write https://...")
    return value.rstrip("/")


def _database(value: str) -> str:
    if value == "sqlite" or value.startswith("postgresql+psycopg://"):
        return value
    raise ValueError(f"{value!r} is not a database; write sqlite or postgresql+psycopg://user@host/name")


def _blobs(value: str) -> str:
    if "://" in value and not BUCKET.fullmatch(value):
        raise ValueError(f"{value!r} is neither a folder nor a bucket; write ./data/blobs or s3://bucket/prefix")
    return value.rstrip("/") if value.startswith("s3://") else value


def _clock_source(value: str, info: ValidationInfo) -> str:
    if value and not (info.context or {}).get("test"):
        raise ValueError("it moves time and is only for tests (MAILGATE_TEST=1); take it out")
    if value and not value.startswith("file:"):
        raise ValueError("write clock: file:NAME, where the file holds an offset such as +7d3h")
    return value


class Settings(Section):
    """Everything of `mailgate.yaml`. `folder` is where the file is; a section that is absent is not started."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "http://127.0.0.1:8025"
    data: RequiredPath = Field(default=Path("data"), validate_default=True)
    database: Annotated[str, AfterValidator(_database)] = "sqlite"
    blobs: Annotated[str, AfterValidator(_blobs)] = ""
    object_storage: ObjectStorage = ObjectStorage()
    locale: Language = "pt-BR"
    timezone: Annotated[str, AfterValidator(_timezone)] = "America/Sao_Paulo"
    preset: Annotated[str, AfterValidator(_preset)] = "centrium"
    company: Company = Company()
    key: TicketKey = TicketKey()
    guests: Literal["yes", "held", "rejected"] = "yes"
    addresses: tuple[SupportAddress, ...] = ()
    agents: tuple[AgentEntry, ...] = ()
    smtp: Smtp | None = None
    submission: Submission | None = None
    lmtp: Lmtp | None = None
    imap: tuple[ImapAccount, ...] = ()
    relay: Relay = Relay()
    auth: Auth = Auth()
    portal: Portal | None = None
    ops: Ops | None = None
    dkim: Dkim | None = None
    webhooks: tuple[WebhookEntry, ...] = ()
    channels: Channels = Channels()
    digests: Digests = Digests()
    knowledge: Knowledge = Knowledge()
    assistant: Assistant | None = None
    sweeps: Sweeps = Sweeps()
    retention: Retention = Field(default={}, validate_default=True)  # its path is taken from the folder of the file
    ack_within: Duration = Field(default="2d", validate_default=True)
    limits: Limits = Limits()
    clock: Annotated[str, AfterValidator(_clock_source)] = ""
    folder: RequiredPath = Field(default=Path(), validate_default=True, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _plain_words(cls, data: Any) -> Any:
        """`guests: true` means yes; a section written without a value (`smtp:`) means its defaults."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if data.get("guests") is True:
            data["guests"] = "yes"
        for name in (
            "smtp",
            "submission",
            "lmtp",
            "portal",
            "ops",
            "relay",
            "auth",
            "channels",
            "digests",
            "knowledge",
            "sweeps",
            "retention",
            "limits",
            "company",
            "key",
        ):
            if name in data and data[name] is None:
                data[name] = {}
        return data

    @property
    def database_url(self) -> str:
        """For SQLAlchemy; SQLite lies in the data folder."""
        return f"sqlite:///{self.data / 'mailgate.sqlite'}" if self.is_sqlite else self.database

    @property
    def is_sqlite(self) -> bool:
        return self.database == "sqlite"

    @property
    def blobs_url(self) -> str:
        """`s3://bucket/prefix` or an absolute folder."""
        if self.blobs.startswith("s3://"):
            return self.blobs
        return str((self.folder / self.blobs).absolute() if self.blobs else self.data / "blobs")

    @property
    def keys(self) -> Path:
        """The folder of the gateway's own secret keys."""
        return self.data / "keys"

    @property
    def hostname(self) -> str:
        """The name we greet with: smtp.hostname, else the domain of the first address, else localhost."""
        if self.smtp is not None and self.smtp.hostname:
            return self.smtp.hostname
        return self.addresses[0].address.rpartition("@")[2] if self.addresses else "localhost"

    @property
    def departments(self) -> tuple[str, ...]:
        """Every department that an address or an agent names, each once."""
        named = [a.department for a in self.addresses] + [d for agent in self.agents for d in agent.departments]
        return tuple(dict.fromkeys(named))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def now(self) -> Clock:
        """The clock to hand around: the system's, or moved by the file of `clock:`."""
        return file_clock(self.folder / self.clock.removeprefix("file:")) if self.clock else utc_now


def find_config(option: Path | None, environ: Mapping[str, str], here: Path = Path()) -> Path:
    """The mailgate.yaml to use: `option`, else MAILGATE_CONFIG, else ./config, else /etc/mailgate.

    Each may be the file or the folder that holds mailgate.yaml. Raises ConfigError when there is none.
    """
    named = option or (Path(environ["MAILGATE_CONFIG"]) if environ.get("MAILGATE_CONFIG") else None)
    candidates = [named] if named is not None else [here / "config", Path("/etc/mailgate")]
    for candidate in candidates:
        file = candidate / FILE_NAME if candidate.is_dir() else candidate
        if file.is_file():
            return file
    looked = " and ".join(str(candidate) for candidate in candidates)
    reason = "no configuration here; `mailgate init` writes one, --config names another place"
    raise ConfigError([Mistake(looked, 0, 0, reason)])


def load_settings(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read mailgate.yaml. Raises ConfigError with every mistake."""
    settings, mistakes = read_settings(path, environ)
    errors = [m for m in mistakes if not m.warning]
    if settings is None or errors:
        raise ConfigError(errors)
    return settings


def read_settings(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Settings | None, list[Mistake]]:
    """As `load_settings`, but hands back mistakes and warnings together; None where nothing could be built."""
    try:
        document = yamlfile.load(path)
    except ConfigError as error:
        return None, error.mistakes
    context = {"folder": path.parent, "test": environ.get("MAILGATE_TEST") == "1", "environ": environ}
    settings, mistakes = yamlfile.validate(document, Settings, context)
    if settings is None:
        return None, mistakes
    settings = settings.model_copy(update={"folder": path.parent.absolute()})
    mistakes = [*_across(document, settings), *_secrets(document, settings), *_providers(document, settings)]
    mistakes += _unwise(document, settings)
    return settings, sorted(mistakes, key=lambda m: (m.warning, m.line, m.column))


def _across(document: Document, settings: Settings) -> list[Mistake]:
    """What only shows when keys are looked at together."""
    found = []
    if "folder" in document.data:
        found.append(document.mistake(("folder",), "unknown key `folder`", key=True))
    listed = {"addresses": [a.address for a in settings.addresses], "agents": [a.address for a in settings.agents]}
    for name, addresses in listed.items():
        seen: dict[str, int] = {}
        for index, address in enumerate(addresses):
            if seen.setdefault(address.lower(), index) != index:
                found.append(document.mistake((name, index, "address"), f"{address} is listed twice under `{name}`"))
    ours = {entry.address.lower() for entry in settings.addresses}
    for index, account in enumerate(settings.imap):
        if account.address is not None and account.address.lower() not in ours:
            reason = f"{account.address} is not listed under `addresses`{did_you_mean(account.address, ours)}"
            found.append(document.mistake(("imap", index, "address"), reason))
    for index, agent in enumerate(settings.agents):
        if agent.address.lower() in ours:
            reason = (
                f"{agent.address} is a support address of ours; an agent needs an own one (mail would go in circles)"
            )
            found.append(document.mistake(("agents", index, "address"), reason))
    return found


def _secrets(document: Document, settings: Settings) -> list[Mistake]:
    """Secret files must be there; a private key must not be readable by others."""
    found: list[Mistake] = []
    for location, file, private in _secret_files(settings):
        try:
            mode = file.stat().st_mode
        except OSError as error:
            found.append(document.mistake(location, f"{file} cannot be read: {(error.strerror or '').lower()}"))
            continue
        if mode & stat.S_IRWXO:
            reason = f"{'the private key ' if private else ''}{file} can be read by others; chmod 600 it"
            found.append(document.mistake(location, reason, warning=not private))
        elif mode & stat.S_IRWXG and private:
            found.append(document.mistake(location, f"the private key {file} can be read by its group", warning=True))
    return found


def _secret_files(settings: Settings) -> list[tuple[yamlfile.Location, Path, bool]]:
    """Where it is set, the file, and whether it is a private key."""
    found: list[tuple[yamlfile.Location, Path | None, bool]] = []
    found.append((("object_storage", "credentials_file"), settings.object_storage.credentials_file, True))
    if settings.dkim:
        found.append((("dkim", "key_file"), settings.dkim.key_file, True))
    for name, section in (("smtp", settings.smtp), ("submission", settings.submission)):
        if section is not None:
            found += [((name, "tls", "cert"), section.tls.cert, False), ((name, "tls", "key"), section.tls.key, True)]
    accounts: list[tuple[yamlfile.Location, Relay | ImapAccount]] = [(("relay",), settings.relay)]
    accounts += [(("imap", index), account) for index, account in enumerate(settings.imap)]
    for where, account in accounts:
        found.append(((*where, "password_file"), account.password_file, False))
        found.append(((*where, "ca_file"), account.ca_file, False))
        if account.oauth is not None:
            for key in ("client_secret_file", "refresh_token_file"):
                found.append(((*where, "oauth", key), getattr(account.oauth, key), False))
    if settings.assistant is not None:
        found.append((("assistant", "key_file"), settings.assistant.key_file, False))
    if settings.channels.whatsapp is not None:
        found.append((("channels", "whatsapp", "url_file"), settings.channels.whatsapp.url_file, False))
    public = ("cert", "ca_file")  # these may be read by anybody, but must be there
    return [(w, f, p) for w, f, p in found if f is not None and not (w[-1] in public and f.exists())]


def _providers(document: Document, settings: Settings) -> list[Mistake]:
    """A provider's URL must say where the number goes: without it every message would reach the same person."""
    provider = settings.channels.whatsapp
    try:
        fits = provider is None or NUMBER in provider.url_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []  # `_secrets` says that it cannot be read; what is no text is no URL, and no message leaves
    reason = f"the URL in it lacks {NUMBER}: where the recipient's number goes"
    return [] if fits else [document.mistake(("channels", "whatsapp", "url_file"), reason)]


def _unwise(document: Document, settings: Settings) -> list[Mistake]:
    """Legal, but the admin should know."""
    found = []

    def warn(location: yamlfile.Location, reason: str) -> None:
        found.append(document.mistake(location, reason, warning=True))

    if not settings.addresses:
        warn((), "no `addresses`: mail for nobody is accepted")
    if settings.knowledge.folder is not None and not settings.knowledge.folder.is_dir():
        warn(("knowledge", "folder"), f"there is no folder {settings.knowledge.folder}: no article is imported")
    if not settings.agents:
        warn((), "no `agents`: nobody is told of new tickets")
    if settings.dkim is None:
        warn((), "no `dkim`: outgoing mail is not signed, and large providers may refuse it")
    if settings.submission is not None and not settings.submission.users_file.exists():
        warn(("submission", "users_file"), f"{settings.submission.users_file} is not there: no agent can log in")
    if _readable_by_others(Path(document.file)):
        for location in _passwords(document.data):
            warn(location, "a password in a file that others can read; chmod 600 the file or use the key with _file")
    if not is_loopback(settings.relay.host) and settings.relay.tls == "none" and settings.relay.user:
        warn(("relay", "tls"), "the relay's password goes over the network in clear; set tls: starttls or tls")
    if settings.lmtp is not None and settings.lmtp.listen.path is None and not is_loopback(settings.lmtp.listen.host):
        warn(("lmtp", "listen"), "LMTP knows no limits for strangers: only an MTA of yours may reach it (RFC 2033 §5)")
    for index, account in enumerate(settings.imap):
        if account.tls == "none" and not is_loopback(account.host):
            warn(("imap", index, "tls"), "the mailbox's password goes over the network in clear; set tls: tls")
    return found


def _readable_by_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IRWXO)
    except OSError:
        return False


def _passwords(data: Any, location: yamlfile.Location = ()) -> list[yamlfile.Location]:
    if isinstance(data, dict):
        found = [p for key, value in data.items() for p in _passwords(value, (*location, key))]
        own = ("password", "client_secret", "refresh_token")
        written = (key for key in own if isinstance(data.get(key), str) and not is_variable(data[key]))
        return found + [(*location, key) for key in written if data[key]]
    if isinstance(data, list):
        return [p for index, value in enumerate(data) for p in _passwords(value, (*location, index))]
    return []


def secret(value: SecretStr, file: Path | None) -> str:
    """A secret given by value or by file (one trailing newline off); "" when neither is set.

    Raises ConfigError when the file cannot be read.
    """
    if value.get_secret_value() or file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise ConfigError([Mistake(str(file), 0, 0, f"cannot be read: {(error.strerror or '').lower()}")]) from error
