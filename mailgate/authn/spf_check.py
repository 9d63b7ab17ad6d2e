"""SPF (RFC 7208) by pyspf, with our resolver underneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import spf

from mailgate.authn.resolver import DnsTemporaryError, Resolver
from mailgate.authn.results import Result

#: An SPF record longer than this is nobody's policy; RFC 7208 §3.4 wants 512 octets at most.
RECORD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Spf:
    """domain: of the envelope sender, or of HELO for the null sender. "" when nothing could be checked."""

    result: Result = "none"
    domain: str = ""


def check_spf(peer: str, helo: str, mail_from: str, resolver: Resolver) -> Spf:
    """Whether `peer` (an IP address) may send for the envelope sender, "" being the null sender (RFC 7208 §2.4).

    Without a peer (pipe, IMAP) nothing can be said: none. Never raises; a DNS fault is temperror.
    """
    sender = mail_from if "@" in mail_from else ""
    domain = (sender or helo).rpartition("@")[2].lower().strip().rstrip(".")
    if not peer or "." not in domain or not domain.isascii() or domain.startswith("["):
        return Spf()
    try:
        verdict = _Query(peer, sender.rstrip("."), helo.rstrip("."), resolver).check()[0]
    except Exception:  # pyspf on hostile records raises whatever Python does: that is the record's mistake
        verdict = "permerror"
    return Spf(verdict if verdict in get_args(Result) else "permerror", domain)


class _Query(spf.query):  # type: ignore[misc]
    """A query of pyspf that asks our resolver. pyspf's own way is a module-wide function that knows no instance.

    Keeps its limit of void look-ups (RFC 7208 §4.6.4); CNAMEs are the resolver's business.
    """

    def __init__(self, peer: str, sender: str, helo: str, resolver: Resolver) -> None:
        super().__init__(i=peer, s=sender, h=helo, strict=True)
        self._resolver = resolver

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        name = str(name).rstrip(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        if (name, qtype) not in self.cache:
            try:
                self.cache[name, qtype] = self._records(name, qtype)
            except DnsTemporaryError as error:
                raise spf.TempError(str(error)) from error
        found: list[Any] = self.cache[name, qtype]
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return list(found)

    def _records(self, name: str, qtype: str) -> list[Any]:
        match qtype:
            case "TXT":
                return [[text] for text in self._resolver.txt(name) if len(text) <= RECORD_BYTES]
            case "MX":
                return self._resolver.mx(name)
            case "A":
                return self._resolver.a(name)
            case "AAAA":
                return self._resolver.aaaa(name)
            case "PTR":
                return self._resolver.ptr(name)
            case _:
                return []
