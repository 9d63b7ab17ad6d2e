"""Addresses: read, compare, take the subaddress off, know the ones nobody reads. Pure and total.

Compared are the domain in lower-case ASCII (IDNA) and the local part exactly as written: folding letters across
scripts makes `mıke@` and `mike@` one person. Quotation marks are no part of a name: `"ana"@` is `ana@`, or each of its
countless spellings would have limits of its own. Sources: RFC 5321 §4.1.2, RFC 5322 §3.4.1, RFC 5890 §2.3.2.1,
RFC 5233 §1, RFC 2142 §5.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from functools import lru_cache

import idna
from mailparser.utils import get_addresses

from mailgate.mail.message import Address

_NO_REPLY = ("noreply", "donotreply", "naoresponda", "naoresponder", "noresponder", "noresponda", "semresposta")
#: A local part that needs no quotation marks (dot-atom, RFC 6532 §3.2).
_ATOM = re.compile(r"[^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\".]+(?:\.[^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\".]+)*")
_OTHER_DOTS = "\u3002\uff0e\uff61"
_MACHINES = frozenset({"mailerdaemon", "postmaster", "bounce", "bounces", "maildaemon", "autoreply", "autoresponder"})


@lru_cache(maxsize=4096)
def normalise(address: str) -> str:
    """`Ana@Exämple.TEST.` → `Ana@xn--exmple-cua.test`. What has no domain comes back trimmed.

    Local part as written, with no more quotation marks than it needs: `"ana"@x.test` → `ana@x.test`.
    """
    address = address.strip()
    if not address.isprintable():  # what cannot be seen makes it nobody's address, not that of whom it resembles
        address = "".join(c if c.isprintable() else "\ufffd" for c in address).strip("\ufffd ")
    local, at, domain = address.rpartition("@")
    if not at:
        return address
    domain = domain.strip().rstrip(".")
    if '"' in local:
        local = _least_quoted(local)
    if domain.isascii():
        return f"{local}@{domain.lower()}"
    return f"{local}@{ascii_domain(domain)}".encode("utf-8", "replace").decode("utf-8")


def _least_quoted(local: str) -> str:
    """A local part with the minimum of quoting (RFC 5321 §4.1.2); what breaks the grammar comes back as it is."""
    bare = _unquoted(local)
    if bare is None or _ATOM.fullmatch(bare):
        return local if bare is None else bare
    marked = bare.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{marked}"'


def _unquoted(local: str) -> str | None:
    """What words between dots say, each of them a quoted string or bare (RFC 5322 §4.4, obs-local-part); None for
    what is no such thing. In one pass."""
    said: list[str] = []
    state = "start"  # of a word; then bare, quoted, escaped (within a quoted one), ended
    for char in local:
        if state == "escaped":
            state = "quoted"
        elif state == "quoted" and char in '"\\':
            state = "ended" if char == '"' else "escaped"
            continue
        elif state == "start" and char == '"':
            state = "quoted"
            continue
        elif state in ("bare", "ended") and char == ".":
            state = "start"
        elif state in ("start", "bare") and char not in '".\\':
            state = "bare"
        elif state != "quoted":
            return None
        said.append(char)
    return "".join(said) if state in ("bare", "ended") else None


def ascii_domain(domain: str) -> str:
    """A domain in A-labels, lower case; what IDNA 2008 does not allow stays as it is written, and is nobody's.

    Python's own codec is IDNA 2003: it makes `ſ` an s, `。` a dot and `straße` the other domain `strasse`.
    """
    low = "".join(c if not c.isascii() and c.lower().isascii() else c.lower() for c in domain)
    if any(dot in low for dot in _OTHER_DOTS):
        return low
    try:
        return idna.encode(low).decode("ascii")
    except UnicodeError:
        return low


def parse_address(text: str) -> Address | None:
    """One mailbox, `Ana <ana@x.test>` or `ana@x.test`; None for none, for several, and for anything ambiguous."""
    defects: list[object] = []
    if not text or len(text) > 2000:
        return None
    try:
        found = [(n, a) for n, a in get_addresses(text, defects=defects, decode_names=True) if a]
    except (HeaderParseError, ValueError):  # a broken base64 word in the name
        return None
    if len(found) != 1 or defects or "@" not in found[0][1]:
        return None
    name, address = found[0]
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    address = normalise(address)
    if not address.rpartition("@")[2].isascii():  # no name that DNS knows: nobody could be answered there
        return None
    return Address(name, address)


def same(a: str, b: str) -> bool:
    """Whether two addresses are one: equal local part, equal domain in ASCII."""
    return normalise(a) == normalise(b)


def split_subaddress(address: str) -> tuple[str, str]:
    """`suporte+abc@x.test` → (`suporte@x.test`, `abc`); detail "" when there is none (RFC 5233 §1)."""
    local, at, domain = normalise(address).rpartition("@")
    base, plus, detail = local.partition("+")
    if not at or not plus or not base or local.startswith('"'):
        return normalise(address), ""
    return f"{base}@{domain}", detail


def is_no_reply(address: str) -> bool:
    """Whether nobody reads what is sent there: `noreply@`, `nao-responda@`, `mailer-daemon@`, bounce addresses."""
    local = split_subaddress(address)[0].rpartition("@")[0].lower()
    plain = "".join(c for c in local.replace("ã", "a") if c.isalnum())
    if plain in _MACHINES or plain.startswith(("mailerdaemon", "bounces")):
        return True
    return plain.startswith(_NO_REPLY) or plain.endswith(("noreply", "donotreply"))
