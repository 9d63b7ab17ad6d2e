"""Who a mail really is from: SPF, DKIM and DMARC checked here, or reported or sealed (ARC) by a server that is trusted.

`verify` is total: what is broken, missing or unreachable becomes a result, never an exception, and doubt never makes
a mail more believed. Results in the words of RFC 8601 §2.7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from mailgate.authn.arc import Arc, check_arc
from mailgate.authn.dkim_check import Dkim, check_dkim
from mailgate.authn.dmarc import Policy, find_policy
from mailgate.authn.domains import aligned
from mailgate.authn.reported import Claim, Reported, read_reported
from mailgate.authn.resolver import Bounded, Resolver
from mailgate.authn.results import AuthResults, Result
from mailgate.authn.spf_check import Spf, check_spf
from mailgate.authn.wire import split

#: What one mail may ask of DNS. SPF alone may need 10 look-ups and the hosts of its MX (RFC 7208 §4.6.4).
DNS_LOOKUPS = 60
DNS_SECONDS = 5.0


def verify(
    raw: bytes,
    *,
    peer: str,
    helo: str,
    mail_from: str,
    author_domain: str | None,
    headers_from_count: int,
    resolver: Resolver,
    trusted: Collection[str],
    trusted_sealers: Collection[str] = (),
    trusted_hop: bool = True,
    dns_seconds: float = DNS_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> AuthResults:
    """SPF, DKIM, DMARC, trusted Authentication-Results and ARC of one mail.

    peer: IP address of the SMTP client, "" by pipe or IMAP (then SPF is none). mail_from: "" is the null sender.
    author_domain: of the one From address, None when there is not exactly one. headers_from_count: From fields; two of
    them are never aligned, for clients differ on which they show (RFC 7489 §6.6.1). trusted: authserv-ids. trusted_hop:
    False for a peer whose Authentication-Results nobody should believe. trusted_sealers: domains whose ARC seals are
    believed, over whatever hop they come. dns_seconds: after these every look-up is a temperror; the caller's own
    deadline must be longer. Never raises.
    """
    wire = split(raw)
    dns = Bounded(resolver, DNS_LOOKUPS, dns_seconds, monotonic)
    author = (author_domain or "").lower().rstrip(".") if headers_from_count == 1 else ""
    policy = find_policy(author, dns) if author else Policy()
    spf = check_spf(peer, helo, mail_from, dns)
    signatures = check_dkim(wire, author, dns)
    reported = read_reported(wire.headers, trusted) if trusted_hop else Reported()
    sealers = tuple(domain.lower().strip(".") for domain in trusted_sealers)
    evidence = _Evidence(author, policy, spf, signatures, reported, sealers, Arc())
    if author and not evidence.proven():
        # Only now may a chain tell something new; most mail never pays for it.
        evidence = replace(evidence, arc=check_arc(wire, dns))
    return _judge(evidence)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whose word it is that proves an author: an authserv-id, or the domain of an ARC seal."""

    server: str
    claim: Claim
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class _Evidence:
    """All that was found out; `author` is "" when From is ambiguous, and then nothing is aligned with it."""

    author: str
    policy: Policy
    spf: Spf
    signatures: list[Dkim]
    reported: Reported
    sealers: tuple[str, ...]
    arc: Arc

    def proven(self) -> bool:
        return self.verified() or self.vouched() is not None

    def verified(self) -> bool:
        """Whether it was proven here."""
        return self.spf_aligned() or self.dkim_aligned(self.best_signature())

    def vouched(self) -> Vouched | None:
        """What proves the author by another's word: of our own border before a sealer far away."""
        border = (Vouched(self.reported.authserv_id, claim) for claim in self.reported.claims)
        sealed = (Vouched(s.domain, c, sealed=True) for s in self.arc.believed(self.sealers) for c in s.report.claims)
        return next((word for word in (*border, *sealed) if self.claim_aligned(word.claim)), None)

    def spf_aligned(self) -> bool:
        return self.spf.result == "pass" and aligned(self.spf.domain, self.author, self.policy.strict_spf)

    def dkim_aligned(self, signature: Dkim) -> bool:
        return signature.result == "pass" and aligned(signature.domain, self.author, self.policy.strict_dkim)

    def claim_aligned(self, claim: Claim) -> bool:
        if claim.result != "pass":
            return False
        strict = {"spf": self.policy.strict_spf, "dkim": self.policy.strict_dkim, "dmarc": True}
        return aligned(claim.domain, self.author, strict[claim.method])

    def best_signature(self) -> Dkim:
        """The one to show: aligned before passed before undecided before failed; the topmost of equals."""
        ranks: dict[Result, int] = {"pass": 1, "temperror": 2, "fail": 3}
        ranked = sorted(self.signatures, key=lambda s: 0 if self.dkim_aligned(s) else ranks.get(s.result, 4))
        return ranked[0] if ranked else Dkim()


def _judge(evidence: _Evidence) -> AuthResults:
    signature, spf = evidence.best_signature(), evidence.spf
    verified, vouched = evidence.verified(), evidence.vouched()
    dmarc = _dmarc(evidence, verified)
    claims = {claim.method: claim for claim in reversed(evidence.reported.claims)}
    # What could not be checked here (SPF of a mail fetched by IMAP) is shown as the trusted server reports it.
    if spf.result == "none" and (claim := claims.get("spf")):
        spf = Spf(claim.result, claim.domain)
    if signature.result == "none" and (claim := claims.get("dkim")):
        signature = Dkim(claim.result, claim.domain, claim.selector)
    if not verified and vouched and not vouched.sealed and dmarc in ("fail", "temperror") and "dmarc" in claims:
        dmarc = claims["dmarc"].result
    return AuthResults(
        spf=spf.result,
        spf_domain=spf.domain,
        dkim=signature.result,
        dkim_domain=signature.domain,
        dkim_selector=signature.selector,
        dmarc=dmarc,
        dmarc_policy=evidence.policy.policy,
        aligned=verified or vouched is not None,
        trusted=vouched.server if vouched and not verified else "",
        arc=evidence.arc.result,
        arc_sealer=evidence.arc.sealer,
        reason=_reason(evidence, verified, vouched),
    )


def _dmarc(evidence: _Evidence, verified: bool) -> Result:
    """RFC 7489 §6.6.2: pass when something aligned passed; while that may still come, it is undecided."""
    if evidence.policy.unknown:
        return "temperror"
    if not evidence.policy.found:
        return "none"
    if verified:
        return "pass"
    faults: list[Spf | Dkim] = [evidence.spf, *evidence.signatures]
    undecided = any(f.result == "temperror" and aligned(f.domain, evidence.author, strict=False) for f in faults)
    return "temperror" if undecided else "fail"


def _reason(evidence: _Evidence, verified: bool, vouched: Vouched | None) -> str:
    """One line that says why the author is or is not proven."""
    signature, spf = evidence.best_signature(), evidence.spf
    if not evidence.author:
        return "not proven: From is not exactly one field with one address"
    if evidence.dkim_aligned(signature):
        return f"proven: DKIM signature of {signature.domain} (selector {signature.selector})"
    if verified:
        return f"proven: SPF of {spf.domain}"
    if vouched:
        name = f"ARC seal of {vouched.server}" if vouched.sealed else vouched.server
        return f"proven: {name} reports {vouched.claim.method.upper()} pass for {vouched.claim.domain}"
    parts = [_spf_in_words(evidence), _dkim_in_words(evidence), _arc_in_words(evidence)]
    return f"not proven for {evidence.author}: " + "; ".join(part for part in parts if part)


def _spf_in_words(evidence: _Evidence) -> str:
    spf = evidence.spf
    if not spf.domain:
        return "SPF not checked"
    other = " (another organisation)" if spf.result == "pass" else ""
    return f"SPF {spf.result} for {spf.domain}{other}"


def _dkim_in_words(evidence: _Evidence) -> str:
    signature = evidence.best_signature()
    if signature.result == "none":
        return "no DKIM signature"
    note = signature.note or "another organisation"
    return f"DKIM {signature.result} for {signature.domain or 'unknown domain'} ({note})"


def _arc_in_words(evidence: _Evidence) -> str:
    """Why a chain does not help; "" when there is none."""
    arc = evidence.arc
    if arc.result == "none":
        return ""
    sealer = arc.sealer or "unknown domain"
    if arc.result != "pass":
        return f"ARC {arc.result} for {sealer} ({arc.note})"
    if arc.sealer not in evidence.sealers:
        return f"ARC pass for {sealer} (not a trusted sealer)"
    return (
        f"ARC pass for {sealer} ({'it saw no proof either' if arc.covers else 'it does not cover From and the body'})"
    )
