"""A small world: example.test sends from 192.0.2.1 and signs; evil.test is somebody else and proves it as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from mailgate.authn.resolver import DictResolver
from mailgate.authn.results import AuthResults
from mailgate.authn.sign import KeyKind, Signer, generate_key
from mailgate.authn.verify import verify

MAIL = (
    b"From: Ana <ana@example.test>\r\n"
    b"To: suporte@example.org\r\n"
    b"Subject: Ajuda\r\n"
    b"Date: Wed, 05 Nov 2025 13:22:00 +0000\r\n"
    b"Message-ID: <1@example.test>\r\n"
    b"\r\n"
    b"Bom dia,\r\n\r\nn\xc3\xa3o  consigo entrar. \t\r\n\r\n\r\n"
)


@dataclass
class World:
    """DNS, one signer per domain (all with the key `pem`), and `verify` with everything it does not vary filled in."""

    zone: dict[str, dict[str, list[str]]]
    signers: dict[str, Signer]
    pem: bytes
    failing: set[str] = field(default_factory=set)

    def sign(self, raw: bytes = MAIL, domain: str = "example.test") -> bytes:
        return self.signers[domain].sign(raw, datetime.now(UTC))

    def verify(
        self,
        raw: bytes = MAIL,
        *,
        peer: str = "",
        mail_from: str = "",
        helo: str = "mx.example.test",
        author_domain: str | None = "example.test",
        headers_from_count: int = 1,
        trusted: tuple[str, ...] = (),
        sealers: tuple[str, ...] = (),
        trusted_hop: bool = True,
    ) -> AuthResults:
        return verify(
            raw,
            peer=peer,
            helo=helo,
            mail_from=mail_from,
            author_domain=author_domain,
            headers_from_count=headers_from_count,
            resolver=DictResolver(self.zone, self.failing),
            trusted=trusted,
            trusted_sealers=sealers,
            trusted_hop=trusted_hop,
        )


@pytest.fixture(scope="session")
def keys() -> dict[str, tuple[bytes, str]]:
    """PEM and DNS record by kind; making RSA keys is slow, so once."""
    kinds: tuple[KeyKind, ...] = ("rsa", "ed25519")
    return {kind: generate_key(kind) for kind in kinds}


@pytest.fixture(scope="session")
def signers(keys: dict[str, tuple[bytes, str]]) -> dict[str, Signer]:
    return {name: Signer(name, "s1", keys["rsa"][0]) for name in ("example.test", "mail.example.test", "evil.test")}


@pytest.fixture
def world(keys: dict[str, tuple[bytes, str]], signers: dict[str, Signer]) -> World:
    record = keys["rsa"][1]
    zone = {f"s1._domainkey.{name}": {"TXT": [record]} for name in signers}
    zone |= {
        "example.test": {"TXT": ["other=1", "v=spf1 ip4:192.0.2.1 -all"]},
        "mail.example.test": {"TXT": ["v=spf1 ip4:192.0.2.1 ~all"]},
        "evil.test": {"TXT": ["v=spf1 ip4:198.51.100.66 -all"]},
        "_dmarc.example.test": {"TXT": ["v=DMARC1; p=reject; sp=quarantine"]},
    }
    return World(zone, signers, keys["rsa"][0])
