"""Why a mail was not delivered: status, SMTP code and reason, out of what a report says. Pure, linear time.

One vocabulary for all mail systems (`REASONS`, explained in docs/bounces.md). A status code is believed before
words, and the words of the server that refused before the summary of the one that reports. Sources: RFC 3463 §3,
RFC 5248 §2.4 (registered codes), RFC 7505 §4, RFC 7372 §3, RFC 5321 §4.2.3.
"""

from __future__ import annotations

import re

from mailgate.mail.dsn_words import GIVEN_UP, TEMPORARY
from mailgate.mail.phrases import phrases

#: An enhanced status (RFC 3463 §2), and a reply code that no address, time or number is.
STATUS = re.compile(r"(?<![\d.:])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)|(?<=:)([245]\.\d\.\d{1,2})(?![\d.])")
CODE = re.compile(r"(?<![\d.\-/#])(?<!\d:)([45]\d\d)(?=[\s\-;:,)<]|$)(?!-\d{3}-\d)")
#: A reply code with its enhanced status, as one server says it to another: `550 5.1.1`, `550-'5.7.1`, `552-5.2.2`.
_REPLY = re.compile(r"(?<![\d.\-/#])([45])\d\d[ \-#']{1,3}\(?#?([45]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")

#: The address itself is at fault: it will not do better tomorrow.
HARD = frozenset({"unknown_recipient", "disabled", "moved", "unknown_host", "no_mail_accepted"})
#: The far end is in trouble: it may do better tomorrow.
SOFT = frozenset({"mailbox_full", "expired", "host_unreachable", "system_error", "loop"})
#: What was sent, or who sent it, is at fault: the address is none the worse for it.
OURS = frozenset(
    {
        "too_large", "refused", "spam", "virus", "content", "blocked", "reverse_dns", "authentication", "relay_denied",
        "rate_limited", "protocol", "unknown",
    }
)  # fmt: skip
REASONS = HARD | SOFT | OURS

_BY_STATUS = {
    "1.0": "unknown_recipient", "1.1": "unknown_recipient", "1.2": "unknown_host", "1.3": "unknown_recipient",
    "1.4": "unknown_recipient", "1.6": "moved", "1.7": "protocol", "1.8": "refused", "1.10": "no_mail_accepted",
    "2.1": "disabled", "2.2": "mailbox_full", "2.3": "too_large", "2.4": "unknown_recipient",
    "3.0": "system_error", "3.1": "system_error", "3.2": "system_error", "3.4": "too_large", "3.5": "system_error",
    "4.0": "host_unreachable", "4.1": "host_unreachable", "4.2": "host_unreachable", "4.3": "unknown_host",
    "4.4": "unknown_host", "4.5": "rate_limited", "4.6": "loop", "4.7": "expired",
    "5.0": "protocol", "5.1": "protocol", "5.2": "protocol", "5.4": "protocol", "5.3": "rate_limited",
    "6.0": "content", "6.1": "content", "6.2": "content", "6.3": "content", "6.6": "content",
    "7.0": "refused", "7.1": "refused", "7.2": "refused", "7.8": "authentication", "7.9": "authentication",
    "7.20": "authentication", "7.21": "authentication", "7.22": "authentication", "7.23": "authentication",
    "7.24": "authentication", "7.25": "reverse_dns", "7.26": "authentication", "7.27": "no_mail_accepted",
    "7.28": "rate_limited",
}  # fmt: skip
#: A status so general that the words beside it say more.
_VAGUE = frozenset({"0.0", "1.0", "2.0", "2.1", "3.0", "4.0", "5.0", "6.0", "7.0", "7.1", "1.8", "3.1", "3.2"})
#: Words that go along with every refusal, and deny nothing.
_OFTEN_SAID = frozenset({"refused", "content", "system_error", "host_unreachable", "expired", "protocol", "too_large"})
#: In this order: the rarer word before the commoner one.
_WORDS = {
    "virus": """
        virus | malware | trojan | infected
    """,
    "too_large": """
        message too large | message too big | size exceeds | exceeds size | message size | too large |
        exceeds the maximum | maximum size | exceeds fixed limit | mensagem muito grande | demasiado grande
    """,
    "mailbox_full": """
        over quota | overquota | quota exceeded | exceeded quota | exceeded its quota | exceeds quota |
        mailbox full | mailbox is full | inbox is full | quota | insufficient storage | out of storage |
        not enough space | exceeded storage | mailbox exceeds | mailbox size | storage allocation | caixa cheia |
        caixa postal cheia | cota excedida | buzón lleno | buzón está lleno | usuario excedió | espaço insuficiente
    """,
    "reverse_dns": """
        reverse dns | ptr record | rdns | reverse lookup | reverse hostname | hostname lookup failed |
        cannot find your hostname | dns reverso
    """,
    "authentication": """
        dmarc | spf | dkim | sender id | unauthenticated | authentication required
    """,
    "rate_limited": """
        too many | rate limit | rate-limit | throttl | try again later | greylist | graylist | connection limit |
        limit exceeded | unusual rate | at a rate | frequency limited | recipients this hour
    """,
    "blocked": """
        blacklist | blocklist | block list | black list | rbl | dnsbl | spamhaus | spamcop | barracuda |
        poor reputation | low reputation | reputation | banned | client host rejected | ip address | blocked ip |
        invalid ip | for abuse | connection refused by | lista negra | service unavailable; client host
    """,
    "spam": """
        spam | unsolicited | junk mail | bulk mail | looks like | unwanted
    """,
    "relay_denied": """
        relay access denied | relaying denied | relay denied | relay not permitted | not permitted to relay |
        unable to relay | relaying not allowed | we do not relay | relaying prohibited
    """,
    "moved": """
        has moved | no longer works | moved to | new address | address has changed | address change |
        mudou de endereço | novo endereço | nueva dirección
    """,
    "disabled": """
        disabled | inactive | suspended | deactivated | account closed | mailbox closed | is locked |
        account locked | mailbox locked | frozen | not active | expired account | no longer active |
        account has been | dormant | conta inativa | conta desativada | cuenta inactiva | cuenta deshabilitada |
        conta bloqueada | conta suspensa
    """,
    "unknown_host": """
        host unknown | unknown host | host not found | domain not found | no such domain | name service error |
        domain does not exist | non-existent domain | nonexistent domain | unrouteable mail domain |
        couldn't find any host | no mx | nxdomain | unable to resolve | dns error | domínio não | dominio no |
        illegal host | no route to host found | host or domain name not found | can't find | invalid domain
    """,
    "no_mail_accepted": """
        does not accept mail | doesn't accept mail | null mx | nullmx | not accept email | does not receive mail |
        no mail accepted
    """,
    "unknown_recipient": """
        user unknown | unknown user | no such user | no such recipient | unknown recipient | recipient unknown |
        unknown address | no mailbox | mailbox not found | mailbox unavailable | does not exist | doesn't exist |
        doesn't have | not found | invalid recipient | invalid mailbox | invalid address | invalid user |
        invalid e-mail | address rejected | recipient rejected | no such | unknown local | unrouteable address |
        not a valid | not listed | recipnotfound | not recognized | not our customer | bad destination |
        isn't any account | undeliverable address | unknown or illegal alias | mailbox name not allowed |
        doesn't match | exactly match | no valid recipients | usuário desconhecido | usuário inexistente |
        não existe | inexistente | destinatário desconhecido | destinatário não encontrado | usuario desconocido |
        no existe | desconocido | not exist
    """,
    "expired": """
        retry timeout | retry time not reached | expired | too long | could not be delivered for |
        could not deliver for | failing for a long time | stopped trying | max time | given up after
    """,
    "host_unreachable": """
        connection timed out | timed out | connection refused | unreachable | no route to host | connection reset |
        connection lost | lost connection | could not connect | couldn't connect | unable to connect |
        network error | not reachable | requests to connect | not responding | connect to | timeout |
        connection dropped
    """,
    "loop": """
        mail loop | loops back | too many hops | hop count | forwarding loop | routing loop | loop detected
    """,
    "content": """
        content | attachment | header | mime | 8bit | charset | malformed | prohibited | message format
    """,
    "protocol": """
        syntax error | command not recognized | bad sequence | protocol error | protocol violation |
        not implemented | unrecognized command | command rejected
    """,
    "system_error": """
        system error | internal error | local error | disk | service unavailable | configuration | resources |
        i/o error | currently unavailable | temporary failure | not accepting | command died | unable to open
    """,
    "refused": """
        refused | rejected | filtered | denied | policy | not allowed | not authorized | restricted | blocked |
        forbidden | prohibited | recusad | rechazad | bloquead | not permitted | unacceptable
    """,
}
_BY_WORDS = tuple((reason, phrases(text)) for reason, text in _WORDS.items())


def best_status(stated: str, diagnostic: str, notice: str) -> str:
    """The enhanced status that tells most; "" where none stands anywhere.

    What the refusing server said beside its reply code is its own word, and its class is that of the code. The stated
    one stands where the server gave none, and where the last word was a delay but the report says failed for good.
    "Expired" is how it ended, not why: then the reply to the last try counts, where one is quoted.
    """
    for text in (diagnostic, notice if not stated or _is_vague(stated) or _is_expired(stated) else ""):
        if (found := _replied(text, stated)) != "":
            return found
    if stated and not _is_vague(stated):
        return stated
    for text in (diagnostic, notice if not stated else ""):
        for match in STATUS.finditer(text):
            found = match.group(1) or match.group(2)
            if found[0] != "2" and (not stated or (found[0] == stated[0] and not _is_vague(found))):
                return found
    return stated


def _replied(text: str, stated: str) -> str:
    """The first telling status beside a reply code of its own class; a vague one only where nothing was stated."""
    first = ""
    for match in _REPLY.finditer(text):
        found = match.group(2)
        if match.group(1) != found[0] or _is_expired(found):
            continue
        if not _is_vague(found):
            return found
        first = first or found
    return "" if stated else first


def _is_vague(status: str) -> bool:
    return status.endswith(".0.0")


def _is_expired(status: str) -> bool:
    return status.endswith(".4.7")


def code_of(diagnostic: str) -> str:
    """The SMTP reply code in a diagnostic; "" for none."""
    match = CODE.search(diagnostic)
    return match.group(1) if match else ""


def implied_status(diagnostic: str, notice: str) -> str:
    """A status for a report that gives none: `4.0.0` or `5.0.0` after the SMTP code, `4.4.7` for a try that expired."""
    code = code_of(diagnostic)
    if code:
        return f"{code[0]}.0.0"
    said = f"{diagnostic} {notice}".lower() if diagnostic else notice.lower()
    return "4.4.7" if _by_words(said) == "expired" or "retry timeout" in said else ""


def action_of(status: str, notice: str, subject: str) -> str:
    """failed or delayed, for a report that does not say: delayed is only what the system will try again by itself."""
    low = notice.lower()
    waits = any(phrase in low for phrase in TEMPORARY) or _says_delay(subject)
    if status[:1] == "5":
        return "failed"
    gave_up = any(phrase in low for phrase in GIVEN_UP) and "warning" not in low
    return "delayed" if waits and not gave_up else "failed"


def _says_delay(subject: str) -> bool:
    return any(word in subject for word in ("delay", "atras", "retras", "demorad", "adiad", "still being retried"))


def reason_of(status: str, diagnostic: str, notice: str) -> str:
    """One word of `REASONS`. The status decides, unless it is one that says little; then the words do."""
    detail = status.partition(".")[2]
    known = _BY_STATUS.get(detail, "")
    said = _by_words(diagnostic.lower())
    if known in HARD and said and said not in HARD and said not in _OFTEN_SAID:
        return said  # `552 … is over quota (#5.1.1)`: an address is not given up for a status that its words deny
    if known and detail not in _VAGUE:
        return known
    return said or known or _by_words(notice.lower()) or "unknown"


def _by_words(text: str) -> str:
    return next((reason for reason, said in _BY_WORDS if any(phrase in text for phrase in said)), "")
