"""Tokens that prove something was handed out by us: reply addresses, Message-IDs, access links, one-use links.

A reply identity says which ticket, which person, in which role, which version of the ticket that person had seen and
in which notice; it stands in the reply address (`suporte+<token>@`, RFC 5233) and in our Message-ID. An access token is
`id + HMAC`: it can be printed again, the database keeps its digest only. All comparisons take constant time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from pathlib import Path

from mailgate.errors import ConfigError, Mistake
from store.vocabulary import Notice, Role

_LAYOUT = struct.Struct(">IQHB")
_MAC_BYTES = 12
_SHORTEST_KEY = 16
#: Characters of a reply token: 27 bytes in base32 without padding.
TOKEN_LENGTH = 44
#: RFC 5321 §4.5.3.1.1 allows 64 octets left of the @; `+` and the bounce mark `b` take two.
LONGEST_LOCAL_PART = 64 - TOKEN_LENGTH - 2
_ROLES = (Role.CUSTOMER, Role.AGENT, Role.SYSTEM)
_NOTICES = tuple(Notice)
#: What a button in a mail can ask for. The place in this list stands in addresses that are out: only add at the end.
VERBS = ("rate_1", "rate_2", "rate_3", "rate_4", "rate_5", "solved", "not_solved", "stop", "take", "ask_info")

#: First words of the paths of ours whose next word is a token: whoever reads such an address can use it.
SECRET_WORDS = ("t", "confirm", "rate", "stop", "invite", "verify", "enter", "reset", "address")


@dataclass(frozen=True, slots=True)
class ReplyIdentity:
    """What a reply token says. ticket_number 0: about no ticket. version: of the ticket, modulo 65536."""

    ticket_number: int
    person_id: int
    role: Role
    version: int
    notice: Notice


@dataclass(frozen=True, slots=True)
class Capability:
    """What a mail to the address of a button does: one verb of `VERBS`, on one ticket, for one person."""

    ticket_number: int
    person_id: int
    role: Role
    version: int
    verb: str


class Mint:
    """Makes and checks tokens under the configuration's secret keys; the first key makes, all of them check."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
            raise ValueError(f"a key of at least {_SHORTEST_KEY} bytes is needed")
        self._keys = keys

    def reply_token(self, identity: ReplyIdentity) -> str:
        """The token of a reply identity: 44 lower-case letters and digits, safe in any local part."""
        marks = _ROLES.index(identity.role) << 6 | _NOTICES.index(identity.notice)
        payload = _LAYOUT.pack(identity.ticket_number, identity.person_id, identity.version & 0xFFFF, marks)
        return _base32(payload + self._mac(self._keys[0], b"reply", payload)[:_MAC_BYTES])

    def read_reply_token(self, token: str) -> ReplyIdentity | None:
        """What a token says, or None when it is not ours."""
        payload = self._payload(b"reply", token)
        if payload is None:
            return None
        number, person, version, marks = _LAYOUT.unpack(payload)
        if marks >> 6 >= len(_ROLES) or marks & 0x3F >= len(_NOTICES):
            return None
        return ReplyIdentity(number, person, _ROLES[marks >> 6], version, _NOTICES[marks & 0x3F])

    def action_token(self, capability: Capability) -> str:
        """The token of a button: as long as a reply token, made under another purpose, so that neither is the other."""
        marks = _ROLES.index(capability.role) << 6 | VERBS.index(capability.verb)
        payload = _LAYOUT.pack(capability.ticket_number, capability.person_id, capability.version & 0xFFFF, marks)
        return _base32(payload + self._mac(self._keys[0], b"action", payload)[:_MAC_BYTES])

    def read_action(self, detail: str) -> Capability | None:
        """What the part after the plus of a recipient asks for: `a` and a token; None when it is not ours."""
        lowered = detail.lower()
        if len(lowered) != TOKEN_LENGTH + 1 or not lowered.startswith("a"):
            return None
        payload = self._payload(b"action", lowered[1:])
        if payload is None:
            return None
        number, person, version, marks = _LAYOUT.unpack(payload)
        if marks >> 6 >= len(_ROLES) or marks & 0x3F >= len(VERBS):
            return None
        return Capability(number, person, _ROLES[marks >> 6], version, VERBS[marks & 0x3F])

    def _payload(self, purpose: bytes, token: str) -> bytes | None:
        """What a token of that purpose packs, or None when it is not ours."""
        if len(token) != TOKEN_LENGTH:
            return None
        try:
            data = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except (binascii.Error, ValueError):
            return None
        payload, mac = data[: _LAYOUT.size], data[_LAYOUT.size :]
        if _base32(data) != token.lower():  # the last character has bits to spare: only one spelling is ours
            return None
        if len(payload) != _LAYOUT.size or not self._is_ours(purpose, payload, mac, _MAC_BYTES):
            return None
        return payload

    def message_id(self, token: str, unique: int, host: str) -> str:
        """Our Message-ID, without angle brackets: it carries the reply token (RFC 5322 §3.6.4)."""
        return f"{token}.{unique:x}@{host}"

    def read_message_id(self, message_id: str) -> ReplyIdentity | None:
        """What one of our Message-IDs says, or None when it is not ours. Some clients change the case."""
        return self.read_reply_token(message_id.partition(".")[0].lower())

    def read_detail(self, detail: str) -> ReplyIdentity | None:
        """What the part after the plus of a recipient says: a reply token, or `b` and a token (a returned mail)."""
        lowered = detail.lower()
        if len(lowered) == TOKEN_LENGTH + 1 and lowered.startswith("b"):
            lowered = lowered[1:]
        return self.read_reply_token(lowered)

    def access_token(self, link_id: int, purpose: str = "access") -> str:
        """The token of an access link or one-use link: 32 URL-safe characters, 128 bits of them secret."""
        payload = struct.pack(">Q", link_id)
        return base64.urlsafe_b64encode(payload + self._mac(self._keys[0], purpose.encode(), payload)[:16]).decode()

    def read_access_token(self, token: str, purpose: str = "access") -> int | None:
        """The link's id, or None when the token is not ours; whether it still opens anything, the row says."""
        if len(token) != 32:
            return None
        try:
            data = base64.urlsafe_b64decode(token.encode("ascii"))
        except (binascii.Error, ValueError):
            return None
        payload, mac = data[:8], data[8:]
        if len(data) != 24 or not self._is_ours(purpose.encode(), payload, mac, 16):
            return None
        (link_id,) = struct.unpack(">Q", payload)
        return int(link_id)

    def code(self, row_id: int, purpose: str) -> str:
        """Six digits that stand for a row: short enough to be typed, so the caller bounds tries and time.

        Only the newest key counts: a code lives for minutes.
        """
        mac = self._mac(self._keys[0], f"code {purpose}".encode(), struct.pack(">Q", row_id))
        return f"{int.from_bytes(mac[:8]) % 1_000_000:06}"

    def secret(self, purpose: str) -> bytes:
        """A key of its own for another purpose (signed cookies), derived from ours."""
        return self._mac(self._keys[0], b"derive", purpose.encode())

    def marks(self, purpose: str, value: str) -> tuple[str, ...]:
        """Keyed hashes of a value, 64 hex digits each: the first is the one to keep, any of them may be found."""
        return tuple(self._mac(key, purpose.encode(), value.encode()).hex() for key in self._keys)

    def _is_ours(self, purpose: bytes, payload: bytes, mac: bytes, length: int) -> bool:
        return any(hmac.compare_digest(self._mac(key, purpose, payload)[:length], mac) for key in self._keys)

    @staticmethod
    def _mac(key: bytes, purpose: bytes, payload: bytes) -> bytes:
        return hmac.digest(key, purpose + b"\0" + payload, "sha256")


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def reply_address(base: str, token: str) -> str:
    """`suporte@x` and a token: `suporte+<token>@x`."""
    local, _, domain = base.rpartition("@")
    return f"{local}+{token}@{domain}"


def bounce_address(base: str, token: str) -> str:
    """The envelope sender of a mail: a delivery report that comes back to it names the ticket."""
    return reply_address(base, "b" + token)


def action_address(base: str, token: str) -> str:
    """The address of a button."""
    return reply_address(base, "a" + token)


def load_mint(folder: Path) -> Mint:
    """Read the keys: `mac.key`, and `mac.*.old` that still check. One key of hexadecimal digits a file.

    Raises ConfigError when the key is missing, readable by others, or not hexadecimal: never an ephemeral key.
    """
    current = folder / "mac.key"
    if not current.exists():
        raise ConfigError(
            [Mistake(str(current), 0, 0, "this key is missing: run `mailgate init`, or restore it from a backup")]
        )
    keys: list[bytes] = []
    for path in [current, *sorted(folder.glob("mac.*.old"))]:
        if path.stat().st_mode & 0o077:
            raise ConfigError([Mistake(str(path), 0, 0, f"others may read this key: run `chmod 600 {path}`")])
        try:
            key = bytes.fromhex(path.read_text().strip())
        except ValueError:
            raise ConfigError([Mistake(str(path), 0, 0, "this key is not hexadecimal digits")]) from None
        if len(key) < _SHORTEST_KEY:
            reason = f"this key is too short: {2 * _SHORTEST_KEY} hexadecimal digits are the least"
            raise ConfigError([Mistake(str(path), 0, 0, reason)])
        keys.append(key)
    return Mint(tuple(keys))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
