"""The sections of `mailgate.yaml` as typed values; `settings` puts them together and loads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, SecretStr, WithJsonSchema, model_validator

from mailgate.yamltypes import (
    Address,
    Domain,
    Duration,
    DurationLimit,
    Key,
    Language,
    ListenAt,
    Network,
    OptionalPath,
    OrOne,
    RequiredPath,
    Secret,
    Section,
    Text,
    Words,
    YesNo,
    is_loopback,
    split_host_port,
)

Tls = Literal["none", "starttls", "tls"]
Port = Annotated[int, Field(ge=0, le=65535)]


class Company(Section):
    """In whose name we write; shown in every mail and on every page."""

    name: Text = "Exemplo Sistemas"
    site: str = ""
    phone: str = ""
    hours: str = ""
    logo: OptionalPath = None


class TicketKey(Section):
    """How tickets are named: `SUP-123`; `label` is the word for it in texts (ticket, protocolo)."""

    prefix: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")] = "SUP"
    label: Text = "ticket"


class SupportAddress(Section):
    """An address of ours. plus: no = it takes no plus part. list_id: it is a list of that id."""

    address: Address
    department: Key = "suporte"
    plus: YesNo = True
    list_id: str = ""
    name: str = ""


class AgentEntry(Section):
    """Somebody of ours who answers."""

    name: Text
    address: Address
    departments: tuple[Key, ...] = ()
    role: Literal["agent", "manager", "admin"] = "agent"
    language: Language | None = None


class TlsFiles(Section):
    """Certificate chain and private key, PEM; both empty: no TLS."""

    cert: OptionalPath = None
    key: OptionalPath = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together; write both or neither")
        return self


class Smtp(Section):
    """The port where mail for us comes in."""

    listen: ListenAt = Field(default="127.0.0.1:2525", validate_default=True)
    hostname: str = ""
    tls: TlsFiles = TlsFiles()
    proxy_protocol: YesNo = False
    trusted_peers: Annotated[tuple[Network, ...], OrOne()] = ()


class Submission(Section):
    """The port where agents hand in mail under their own name (AUTH)."""

    listen: ListenAt = Field(default="127.0.0.1:2587", validate_default=True)
    hostname: str = ""
    users_file: RequiredPath = Field(default=Path("users"), validate_default=True)
    tls: TlsFiles = TlsFiles()


class Lmtp(Section):
    """The port or socket where an MTA of ours delivers (RFC 2033)."""

    listen: ListenAt = Field(default="127.0.0.1:2424", validate_default=True)


class Oauth(Section):
    """A refresh token that buys access tokens (RFC 6749 §6)."""

    token_url: Text
    client_id: Text
    client_secret: Secret = SecretStr("")
    client_secret_file: OptionalPath = None
    refresh_token: Secret = SecretStr("")
    refresh_token_file: OptionalPath = None
    scope: str = ""


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"{value!r} is not the address of a server; write it like https://s3.example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("http is only for this machine itself (127.0.0.1); write https://...")
    return value.rstrip("/")


#: `s3://bucket/prefix`: a bucket's name as S3 has them, and folders of plain names; "." and ".." are none.
BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._=-]+)*)/?")


class ObjectStorage(Section):
    """How the bucket of `blobs: s3://...` is reached. What is not set is taken from the environment (AWS_...)."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    region: str = ""
    credentials_file: OptionalPath = None


@dataclass(frozen=True, slots=True)
class Since:
    """From when on mail of a folder is taken: kind is `now`, `all` or `date` (then `on` is set)."""

    kind: Literal["now", "all", "date"]
    on: date | None = None


def _since(value: object) -> Since:
    if isinstance(value, Since):
        return value
    text = str(value)
    if text in ("now", "all"):
        return Since("now" if text == "now" else "all")
    try:
        return Since("date", date.fromisoformat(text))
    except ValueError:
        raise ValueError(f"{text!r} is neither now nor all nor a date; write a date like 2026-11-30") from None


@dataclass(frozen=True, slots=True)
class After:
    """What happens to a mail on the server once it is ours: kind is `move`, `flag` or `leave`."""

    kind: Literal["move", "flag", "leave"]
    name: str = ""


def _after(value: object) -> After:
    if isinstance(value, After):
        return value
    if value == "leave":
        return After("leave")
    if isinstance(value, dict) and len(value) == 1:
        kind, name = next(iter(value.items()))
        if kind in ("move", "flag") and isinstance(name, str) and name and not any(c in name for c in "\r\n\0"):
            return After("move" if kind == "move" else "flag", name)
    raise ValueError(r"write {move: FOLDER}, {flag: \Seen} or leave")


class ImapAccount(Section):
    """One mailbox that is read; port and tls follow each other where only one is given."""

    name: str = ""
    host: Text
    port: Port = 993
    tls: Tls = "tls"
    user: Text
    password: Secret = SecretStr("")
    password_file: OptionalPath = None
    xoauth2_command: str = ""
    oauth: Oauth | None = None
    folders: Annotated[tuple[str, ...], Field(min_length=1)] = ("INBOX",)
    since: Annotated[Since, PlainValidator(_since), WithJsonSchema({"type": "string"})] = Since("now")
    after: Annotated[After, PlainValidator(_after), WithJsonSchema({"type": ["string", "object"]})] = After("leave")
    poll: Duration = Field(default="60s", validate_default=True)
    idle: YesNo = True
    authserv_id: str = ""
    address: Address | None = None
    ca_file: OptionalPath = None

    @model_validator(mode="before")
    @classmethod
    def _port_follows_tls(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = dict(data)
            if "tls" not in data and data.get("port") == 143:
                data["tls"] = "starttls"
            data.setdefault("port", 993 if data.get("tls", "tls") == "tls" else 143)
        return data

    @property
    def label(self) -> str:
        """How logs and tables name this account."""
        return self.name or f"{self.user}@{self.host}"


_RETRY = ("1m", "5m", "15m", "1h", "2h", "4h", "8h")


class Relay(Section):
    """The SMTP server that takes our mail; the last interval of `retry` repeats until `give_up`."""

    host: Text = "127.0.0.1"
    port: Port = 25
    tls: Tls = "none"
    user: str = ""
    password: Secret = SecretStr("")
    password_file: OptionalPath = None
    xoauth2_command: str = ""
    oauth: Oauth | None = None
    retry: Annotated[tuple[Duration, ...], Field(min_length=1)] = Field(default=_RETRY, validate_default=True)
    give_up: Duration = Field(default="5d", validate_default=True)
    ca_file: OptionalPath = None
    null_sender: YesNo = True

    @model_validator(mode="before")
    @classmethod
    def _tls_follows_host(cls, data: Any) -> Any:
        """Off this machine, TLS is the default: passwords and customers' words go over the wire."""
        if isinstance(data, dict) and "tls" not in data and isinstance(data.get("host"), str):
            data = dict(data)
            if not is_loopback(data["host"]):
                data["tls"] = "tls" if data.get("port") == 465 else "starttls"
        return data


def _resolver(value: object) -> tuple[str, int] | None:
    if value in ("", None):
        return None
    text = str(value)
    try:
        return split_host_port(text)
    except ValueError:
        if text and ":" not in text and not text.isdigit():
            return text, 53
        raise


class Auth(Section):
    """Who is believed. resolver: a DNS server (empty: the system's). trusted: authserv-ids (RFC 8601 §2.5).

    trusted_sealers: domains whose ARC seals are believed (RFC 8617).
    """

    resolver: Annotated[tuple[str, int] | None, PlainValidator(_resolver), WithJsonSchema({"type": "string"})] = None
    trusted: Words = ()
    trusted_sealers: Annotated[tuple[Domain, ...], OrOne()] = ()
    timeout: Duration = Field(default="5s", validate_default=True)


class Portal(Section):
    """The customers' pages."""

    listen: ListenAt = Field(default="127.0.0.1:8025", validate_default=True)
    trusted_proxies: tuple[str, ...] = ()


class Ops(Section):
    """/healthz, /readyz and /metrics."""

    listen: ListenAt = Field(default="127.0.0.1:8026", validate_default=True)


class Dkim(Section):
    """How outgoing mail is signed (RFC 6376)."""

    domain: Text
    selector: Text
    key_file: RequiredPath


class Knowledge(Section):
    """Articles for customers, as Markdown. acknowledgement: how many an acknowledgement offers."""

    folder: OptionalPath = None
    public: YesNo = True
    acknowledgement: Annotated[int, Field(ge=0, le=5)] = 3


def _hook_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 (raises where it is no number)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(f"{value!r} is not where a webhook can go; write it like https://erp.example.com/hook")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http is only for this machine itself (127.0.0.1); write https://...")
    return value


#: What the URL of a provider holds for the digits of the recipient's number.
NUMBER = "{number}"


class Provider(Section):
    """One provider of short messages. url_file: a file with its Apprise URL, in which `{number}` stands for whom."""

    url_file: RequiredPath
    timeout: Duration = Field(default="20s", validate_default=True)


class Channels(Section):
    """By what besides mail customers who want it are told."""

    whatsapp: Provider | None = None


class WebhookEntry(Section):
    """A program that rules may tell: the only hosts a POST ever goes to. The secret signs it."""

    name: Key
    url: Annotated[str, AfterValidator(_hook_url)]
    secret: Secret = SecretStr("")
    secret_file: OptionalPath = None

    @model_validator(mode="after")
    def _has_secret(self) -> Self:
        if not self.secret.get_secret_value() and self.secret_file is None:
            raise ValueError("a webhook needs `secret` or `secret_file`: without it nobody can tell who called")
        return self


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hour = Annotated[int, Field(ge=0, le=23)]


class Daily(Section):
    """A mail of the calendar that leaves on these days, from that hour on by the company's clock."""

    hour: Hour = 8
    days: tuple[Weekday, ...] = WEEKDAYS


class WorkingDaily(Daily):
    """One that leaves on working days unless it says others."""

    days: tuple[Weekday, ...] = WEEKDAYS[:5]


class Weekly(Section):
    """A mail of the calendar that leaves once a week."""

    hour: Hour = 8
    day: Weekday = "mon"


class Quarterly(Section):
    """The question of each quarter whether a contact's data are right."""

    hour: Hour = 8
    ask: YesNo = True


class Nightly(Daily):
    """What a day begins with. overdue: after so long without one, days that are left out aside, it is an alarm."""

    hour: Hour = 6
    overdue: Duration = Field(default="26h", validate_default=True)


class Digests(Section):
    """When the mails of the calendar leave; who gets them, and whether, is said in notices.yaml."""

    agents: WorkingDaily = WorkingDaily()
    held: Daily = Daily()
    managers: Weekly = Weekly()
    weekly: Weekly = Weekly()
    contacts: Quarterly = Quarterly()
    audit: Nightly = Nightly()


class Assistant(Section):
    """An OpenAI-compatible endpoint that is asked before a ticket is opened. url: its base, such as https://…/v1."""

    url: Annotated[str, AfterValidator(_hook_url)]
    model: Text
    key_file: OptionalPath = None
    timeout: Duration = Field(default="8s", validate_default=True)


class Sweeps(Section):
    """How often each sweep looks."""

    journal: Duration = Field(default="1s", validate_default=True)
    outbox: Duration = Field(default="1s", validate_default=True)
    timers: Duration = Field(default="5s", validate_default=True)
    webhooks: Duration = Field(default="2s", validate_default=True)
    imap: Duration = Field(default="5s", validate_default=True)
    knowledge: Duration = Field(default="30s", validate_default=True)
    leases: Duration = Field(default="30s", validate_default=True)
    nodes: Duration = Field(default="5s", validate_default=True)
    retention: Duration = Field(default="1h", validate_default=True)


class Retention(Section):
    """How long what is no longer needed is kept (off: for ever), and where the erase list is written."""

    raw_mails: DurationLimit = Field(default="off", validate_default=True)
    closed_tickets: DurationLimit = Field(default="off", validate_default=True)
    sent_mails: DurationLimit = Field(default="off", validate_default=True)
    access_links: DurationLimit = Field(default="off", validate_default=True)
    erase_list: RequiredPath = Field(default=Path("erased.list"), validate_default=True)
