"""DKIM signatures for outgoing mail (RFC 6376, RFC 8463), and the keys for them.

dkimpy selects, canonicalises, hashes and folds; `cryptography` does the arithmetic, because RSA in dkimpy is plain
Python (9 ms a mail and the interpreter locked meanwhile). Nothing in dkimpy is replaced for that: see `Signer.sign`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import dkim
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from dkim.canonicalization import CanonicalizationPolicy

from mailgate.authn.wire import relaxed_body, simple_body, split
from mailgate.errors import EX_CONFIG, MailgateError

KeyKind = Literal["rsa", "ed25519"]

VALID_FOR = timedelta(days=14)
RSA_BITS = 2048
RSA_BITS_LEAST = 1024
#: Bodies from here on are signed in simple form: relaxing a mail with big attachments costs more than hashing it.
BIG_BODY_BYTES = 256 * 1024

#: Signed once more than they occur, so that nobody can add one and keep the signature (RFC 6376 §8.15). Without the
#: MIME fields a stranger can turn a signed mail into another one; without List-Unsubscribe-Post one click does nothing
#: (RFC 8058 §4).
OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"auto-submitted",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)


class KeyUnusable(MailgateError):
    """The DKIM key is missing, readable by others, or no key. mailgate then does not start: it never sends unsigned."""

    exit_code = EX_CONFIG


class Signer:
    """Signs mails for one domain and selector. Thread-safe; one per process is enough.

    key_pem: an RSA (1024 bits or more, 2048 advised) or Ed25519 private key, PKCS#8 or PKCS#1, without a passphrase.
    Raises KeyUnusable for anything else.
    """

    def __init__(self, domain: str, selector: str, key_pem: bytes) -> None:
        self.domain = domain.lower().rstrip(".")
        self.selector = selector
        self._key = _load_key(key_pem)
        self._algorithm = b"rsa-sha256" if isinstance(self._key, RSAPrivateKey) else b"ed25519-sha256"

    def sign(self, raw: bytes, now: datetime) -> bytes:
        """The mail with a DKIM-Signature in front, valid for 14 days from `now` (aware).

        raw: the whole mail as it will be sent, CRLF line ends, one From. Raises dkim.DKIMException or ValueError for
        what is not a mail.
        """
        wire = split(raw)
        message = dkim.DKIM(wire.headers)
        big = len(wire.body) > BIG_BODY_BYTES
        policy = CanonicalizationPolicy.from_c_value(b"relaxed/simple" if big else b"relaxed/relaxed")
        body = simple_body(wire.body) if big else relaxed_body(wire.body)
        signed = _signed_names([name.lower() for name, _ in message.headers])
        fields = self._fields(policy.to_c_value(), signed, hashlib.sha256(body).digest(), now)
        # dkimpy hands the digest of an Ed25519 signature to the key object, and keeps RSA for its own arithmetic. Told
        # so, it lets our key sign either; what a= says stands in `fields`.
        message.signature_algorithm = b"ed25519-sha256"
        message.hasher = hashlib.sha256
        value = message.gen_header(fields, signed, policy, b"DKIM-Signature", _Pen(self._key))
        return b"DKIM-Signature: " + bytes(value) + raw

    def _fields(self, canonical: bytes, signed: list[bytes], digest: bytes, now: datetime) -> list[tuple[bytes, bytes]]:
        """The tags of the signature in order; b= is filled in by dkimpy. No l=, which would let text be appended."""
        return [
            (b"v", b"1"),
            (b"a", self._algorithm),
            (b"c", canonical),
            (b"d", self.domain.encode("ascii")),
            (b"s", self.selector.encode("ascii")),
            (b"t", b"%d" % int(now.timestamp())),
            (b"x", b"%d" % int((now + VALID_FOR).timestamp())),
            (b"h", b" : ".join(signed)),
            (b"bh", base64.b64encode(digest)),
            (b"b", b"0" * 60),
        ]


@dataclass(frozen=True, slots=True)
class _Signature:
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Pen:
    """A private key with the one method dkimpy calls on it."""

    key: RSAPrivateKey | Ed25519PrivateKey

    def sign(self, digest: bytes) -> _Signature:
        if isinstance(self.key, RSAPrivateKey):
            return _Signature(self.key.sign(digest, PKCS1v15(), Prehashed(hashes.SHA256())))
        return _Signature(self.key.sign(digest))  # the digest itself is the message (RFC 8463 §3)


def _signed_names(present: list[bytes]) -> list[bytes]:
    """Names for h=: each as often as it occurs and once more. Raises ValueError unless there is exactly one From."""
    if present.count(b"from") != 1:
        raise ValueError("A mail to be signed needs exactly one From field.")
    return [name for name in OVERSIGNED for _ in range(present.count(name) + 1)]


def read_key(domain: str, selector: str, key_file: Path) -> bytes:
    """The key in a file that only its owner can read, as PEM, good for a Signer of that domain and selector.

    Raises KeyUnusable with one sentence for a missing file, a mode with any right for group or others, or no key in it.
    """
    try:
        with key_file.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            key_pem = file.read()
    except OSError as error:
        raise KeyUnusable(f"The DKIM key {key_file} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise KeyUnusable(f"The DKIM key {key_file} is open to others (mode {mode:03o}); run: chmod 600 {key_file}")
    try:
        Signer(domain, selector, key_pem)
    except KeyUnusable as error:
        raise KeyUnusable(f"The DKIM key {key_file} is not usable: {error}") from error
    return key_pem


def load_signer(domain: str, selector: str, key_file: Path) -> Signer:
    """A Signer with the key in such a file. Raises KeyUnusable, as `read_key`."""
    return Signer(domain, selector, read_key(domain, selector, key_file))


def generate_key(kind: KeyKind) -> tuple[bytes, str]:
    """A new private key as PEM (PKCS#8), and the TXT record that belongs at <selector>._domainkey.<domain>.

    RSA of 2048 bits is what every receiver understands; Ed25519 (RFC 8463) many still ignore.
    """
    key: RSAPrivateKey | Ed25519PrivateKey
    if kind == "rsa":
        key = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, dns_record(pem)


def dns_record(key_pem: bytes) -> str:
    """The TXT record of a private key, in one string; DNS wants it cut into strings of 255 octets (RFC 6376 §3.6.2.2).

    Raises KeyUnusable when there is no such key in `key_pem`.
    """
    key = _load_key(key_pem)
    if isinstance(key, RSAPrivateKey):
        kind = "rsa"
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    else:
        kind = "ed25519"
        public = key.public_key().public_bytes_raw()
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


def _load_key(key_pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("It is no private key in PEM form without passphrase.") from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS_LEAST:
        return key
    raise KeyUnusable(f"It has to be an Ed25519 key, or RSA with {RSA_BITS_LEAST} bits or more.")
