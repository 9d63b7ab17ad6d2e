"""A look at what mailgate needs from outside: mailboxes, relay, DNS. For `check --network` and `doctor`.

Nothing is changed anywhere: mailboxes are opened and left, the relay is greeted and told goodbye, what is put into
the bucket is deleted. Never raises for what a far end does: that is what is being looked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from mailgate.errors import MailgateError

if TYPE_CHECKING:
    from mailgate.authn.resolver import Resolver
    from mailgate.settings import Settings

State = Literal["ok", "warning", "failed"]
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one look showed. text: one sentence."""

    what: str
    state: State
    text: str


def mailboxes(settings: Settings, monotonic: Callable[[], float]) -> Iterator[Look]:
    """Each IMAP account: connect, log in, list its folders."""
    from mailgate.ingest.imap import probe
    from mailgate.serving.mailboxes import account_of

    for section in settings.imap:
        what = f"mailbox {section.label}"
        try:
            account = account_of(section, settings)
        except (MailgateError, ValueError) as error:
            yield Look(what, "failed", str(error))
            continue
        timeouts = replace(account.timeouts, connect=_SECONDS, operation=min(account.timeouts.operation, _SECONDS))
        found = probe(replace(account, timeouts=timeouts), monotonic)
        yield from (Look(what, "failed", problem) for problem in found.problems)
        yield from (Look(what, "warning", warning) for warning in found.warnings)
        if found.ok:
            yield Look(what, "ok", f"logged in; {', '.join(section.folders)} can be read")


def relay(settings: Settings) -> Iterator[Look]:
    """The relay: connect, EHLO, TLS and AUTH as configured, goodbye."""
    from mailgate.app import open_relay
    from mailgate.notify.session import SessionFailed, open_session, tls_context

    what = f"relay {settings.relay.host}:{settings.relay.port}"
    try:
        wanted = open_relay(settings).settings
        wanted = replace(wanted, connect_seconds=_SECONDS, command_seconds=_SECONDS)
        session = open_session(wanted, tls_context(wanted))
    except (SessionFailed, MailgateError, OSError) as error:
        yield Look(what, "failed", str(error))
        return
    limit = session.size_limit()
    session.quit()
    said = ["greeted", *(["TLS"] if wanted.tls != "none" else []), *(["logged in"] if wanted.user else [])]
    yield Look(what, "ok", ", ".join(said) + "; nothing was sent")
    if limit and limit < settings.limits.message_bytes:
        yield Look(what, "warning", f"it takes mails of {limit} bytes, less than limits.message_bytes")


def blobs(settings: Settings) -> Iterator[Look]:
    """The bucket, if there is one: put, read, list and delete a small object."""
    from mailgate.opening import open_blobs
    from store.bucket import BlobBucket

    try:
        place = open_blobs(settings)
        if isinstance(place, BlobBucket):
            place.probe(secrets.token_hex(8))
            yield Look("blobs", "ok", f"{place.name} takes, gives, lists and deletes")
    except (MailgateError, OSError) as error:
        yield Look("blobs", "failed", str(error))


def dns(settings: Settings, resolver: Resolver) -> Iterator[Look]:
    """MX, SPF, DMARC of each domain we write from, and the DKIM record."""
    host = settings.hostname
    for domain in dict.fromkeys(a.address.rpartition("@")[2] for a in settings.addresses):
        for name, look in (("MX", partial(_mx, host=host)), ("SPF", _spf), ("DMARC", _dmarc)):
            yield _told(f"{name} {domain}", partial(look, domain, resolver))
    yield from dkim(settings, resolver)


def dkim(settings: Settings, resolver: Resolver) -> Iterator[Look]:
    """Whether the DKIM record is the public half of the key that signs."""
    from mailgate.authn.sign import dns_record, load_signer

    section = settings.dkim
    if section is None:
        yield Look("DKIM", "warning", "not configured: outgoing mail is not signed; `mailgate dkim keygen` makes a key")
        return
    what = f"DKIM {section.selector}._domainkey.{section.domain}"
    try:
        load_signer(section.domain, section.selector, section.key_file)
        record = dns_record(section.key_file.read_bytes())
    except (MailgateError, OSError) as error:
        yield Look(what, "failed", str(error))
        return
    name = f"{section.selector}._domainkey.{section.domain}"
    yield _told(what, partial(_dkim, name, record, resolver))


def _told(what: str, look: Callable[[], tuple[State, str]]) -> Look:
    try:
        state, text = look()
    except MailgateError as error:
        state, text = "failed", str(error)
    return Look(what, state, text)


def _mx(domain: str, resolver: Resolver, host: str) -> tuple[State, str]:
    hosts = [host for _, host in sorted(resolver.mx(domain))]
    if not hosts:
        return (
            "warning",
            f"no MX record: mail may not arrive anywhere; publish `{domain}. MX 10 {host}.`, or your mailbox's",
        )
    if hosts == [""]:
        return "warning", "the domain says that it takes no mail (RFC 7505 §3)"
    return "ok", ", ".join(hosts)


def _spf(domain: str, resolver: Resolver) -> tuple[State, str]:
    records = [r for r in _texts(domain, resolver) if r.lower().split(" ")[0] == "v=spf1"]
    if len(records) > 1:
        return "failed", f"{len(records)} SPF records, so that all count as none; leave one (RFC 7208 §4.5)"
    if not records:
        return "warning", (
            f'no SPF record: receivers cannot tell ours from forged mail; publish `{domain}. TXT "v=spf1 mx ~all"`, '
            "with what your relay's provider names (`include:...`) before ~all"
        )
    if {"+all", "all"} & set(records[0].lower().split()):
        return "warning", f"{records[0]}: everyone may send for the domain; end it with ~all or -all"
    return "ok", records[0]


def _dmarc(domain: str, resolver: Resolver) -> tuple[State, str]:
    from mailgate.authn.dmarc import find_policy

    policy = find_policy(domain, resolver)
    if policy.unknown:
        return "failed", f"DNS gave no answer for TXT _dmarc.{domain}"
    records = [r for r in _texts(f"_dmarc.{domain}", resolver) if r.lower().replace(" ", "").startswith("v=dmarc1")]
    if not policy.found and records:
        fault = f"{len(records)} DMARC records" if len(records) > 1 else f"{records[0]} has no p="
        return "failed", f"{fault}, so that none counts (RFC 7489 §6.6.3); leave one with p=none, quarantine or reject"
    if not policy.found:
        name = f"_dmarc.{domain}"
        return (
            "warning",
            f'no DMARC record; begin with `{name}. TXT "v=DMARC1; p=none; rua=mailto:postmaster@{domain}"`',
        )
    return "ok", records[0] if records else f"p={policy.policy}, from the domain above"


def _dkim(name: str, wanted: str, resolver: Resolver) -> tuple[State, str]:
    records = [r for r in _texts(name, resolver) if "p=" in r]
    if not records:
        return (
            "failed",
            "no such record, so our signatures prove nothing; `mailgate dkim record` prints the one to publish",
        )
    if not any(_key_of(record) == _key_of(wanted) for record in records):
        return "failed", "the record holds another key, so our signatures fail; `mailgate dkim record` prints ours"
    return "ok", "the record matches the key"


def _key_of(record: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in record.split(";"))
    return "".join(tags.get("p", "").split())


def _texts(name: str, resolver: Resolver) -> list[str]:
    return [record.decode("utf-8", "replace") for record in resolver.txt(name)]


def resolver_of(settings: Settings) -> Resolver:
    """The resolver of the settings, patient enough for a person's look. Raises ValueError for a bad `auth.resolver`."""
    from mailgate.authn.resolver import SystemResolver

    server = settings.auth.resolver
    host = f"[{server[0]}]" if server and ":" in server[0] else server[0] if server else ""
    return SystemResolver(f"{host}:{server[1]}" if server else "", timeout=3.0)
