"""What is known about who sent a mail: results in the words of RFC 8601 §2.7, RFC 7489 §3.1 and RFC 8617 §4.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror"]


@dataclass(frozen=True, slots=True)
class AuthResults:
    """SPF, DKIM, DMARC and ARC of one mail, and whether the author's domain is proven.

    aligned: SPF or DKIM passed for a domain of the same organisation as the From domain (RFC 7489 §3.1), or a trusted
    authserv-id or ARC sealer said so (then `trusted` names it). domains: that the results are about. arc: of the chain,
    looked at only where nothing else proves the author; arc_sealer: who sealed last. reason: one line for `mailgate
    explain`.
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
    arc: Result = "none"
    arc_sealer: str = ""
    reason: str = ""
