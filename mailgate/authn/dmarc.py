"""DMARC policy discovery (RFC 7489 §6.6.3). Only what decides alignment and what `explain` shows; no reports."""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.authn.domains import org_domain
from mailgate.authn.resolver import DnsTemporaryError, Resolver


@dataclass(frozen=True, slots=True)
class Policy:
    """What the author's domain asks for. found: there is a record. unknown: DNS did not say.

    policy: none | quarantine | reject for this very domain. strict_*: whether only the same domain is aligned; with DNS
    silent that is assumed, for a doubt must not make a mail more believed.
    """

    found: bool = False
    unknown: bool = False
    policy: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False


def find_policy(author_domain: str, resolver: Resolver) -> Policy:
    """The DMARC record of the From domain, else of its organisational domain. Never raises."""
    organisation = org_domain(author_domain)
    try:
        if tags := _record(author_domain, resolver):
            return _policy(tags, tags["p"])
        if organisation != author_domain and (tags := _record(organisation, resolver)):
            return _policy(tags, tags.get("sp", tags["p"]))
    except DnsTemporaryError:
        return Policy(unknown=True, strict_dkim=True, strict_spf=True)
    return Policy()


def _policy(tags: dict[str, str], wanted: str) -> Policy:
    return Policy(
        found=True,
        policy=wanted if wanted in ("none", "quarantine", "reject") else "none",
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
    )


def _record(domain: str, resolver: Resolver) -> dict[str, str]:
    """The tags of the one DMARC record of a domain; {} when there is none, or more than one, or no usable policy."""
    parsed = [_tags(text) for text in resolver.txt(f"_dmarc.{domain}")]
    records = [tags for tags in parsed if tags]
    if len(records) != 1:
        return {}
    tags = records[0]
    if tags.get("p") in ("none", "quarantine", "reject"):
        return tags
    # RFC 7489 §6.6.3: a bad or missing p= with somewhere to report to is p=none, else there is no policy.
    return tags | {"p": "none"} if tags.get("rua") else {}


def _tags(text: bytes) -> dict[str, str]:
    """Tags of a DMARC record, names and values in lower case; {} for any other TXT record (RFC 7489 §6.4)."""
    parts = [part.partition("=") for part in text.decode("ascii", "replace").split(";")]
    pairs = [(name.strip().lower(), value.strip().lower()) for name, _, value in parts]
    if not pairs or pairs[0][0] != "v" or parts[0][2].strip() != "DMARC1":
        return {}
    return {name: value for name, value in reversed(pairs) if name}
