"""What is known about who sent a mail: results in the words of RFC 8601 §2.7 and RFC 7489 §3.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror"]


@dataclass(frozen=True, slots=True)
class AuthResults:
    """SPF, DKIM and DMARC of one mail, and whether the author's domain is proven.

    aligned: SPF or DKIM passed for a domain of the same organisation as the From domain (RFC 7489 §3.1), or a trusted
    authserv-id said so (then `trusted` names it). domains: that passed. reason: one line for `mailgate explain`.
    """

    spf: Result = "none"
    spf_domain: str = ""
    dkim: Result = "none"
    dkim_domain: str = ""
    dkim_selector: str = ""
    dmarc: Result = "none"
    dmarc_policy: str = ""
    aligned: bool = False
    trusted: str = ""
    reason: str = ""
