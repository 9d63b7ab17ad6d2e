"""Signatures of ours: what they cover, how long they hold, and which keys are refused."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest

from mailgate.authn.sign import KeyUnusable, Signer, dns_record, generate_key, load_signer
from mailgate.errors import EX_CONFIG
from tests.unit.authn.conftest import MAIL

Keys = dict[str, tuple[bytes, str]]


def _tags(signed: bytes) -> dict[str, str]:
    field = re.match(rb"DKIM-Signature:((?:[^\r]|\r\n[ \t])*)", signed)
    assert field
    parts = [part.partition("=") for part in field[1].decode().split(";")]
    return {name.strip(): re.sub(r"\s+", "", value) for name, _, value in parts}


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("size", [0, 10, 6000, 400_000])
def test_dkimpy_by_itself_verifies_what_we_sign(keys: Keys, kind: str, size: int) -> None:
    pem, record = keys[kind]
    raw = MAIL + b"Um texto\tcom  espacos \r\n" * (size // 24)
    signed = Signer("Example.Test", "s1", pem).sign(raw, datetime.now(UTC))
    assert signed.endswith(raw)
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record.encode()

    assert dkim.verify(signed, dnsfunc=dns)
    assert not dkim.verify(signed + b"x", dnsfunc=dns)
    assert set(asked) == {b"s1._domainkey.example.test."}
    assert max(len(line) for line in signed[: -len(raw)].split(b"\r\n")) <= 78


def test_a_header_in_utf8_is_signed_as_it_is(keys: Keys) -> None:
    """RFC 6532: the address of a customer may stand in it."""
    pem, record = keys["rsa"]
    raw = MAIL.replace(b"To: ", "To: josé@cliente.test, ".encode(), 1)
    assert raw != MAIL
    signed = Signer("example.test", "s1", pem).sign(raw, datetime.now(UTC))
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: record.encode())


def test_a_signature_covers_more_than_there_is_and_ends_after_fourteen_days(keys: Keys) -> None:
    now = datetime(2025, 11, 5, 13, 22, tzinfo=UTC)
    tags = _tags(Signer("example.test", "s1", keys["rsa"][0]).sign(MAIL, now))
    assert int(tags["t"]) == now.timestamp()
    assert int(tags["x"]) == (now + timedelta(days=14)).timestamp()
    assert "l" not in tags
    assert tags["c"] == "relaxed/relaxed"
    names = tags["h"].split(":")
    assert [names.count(n) for n in ("from", "to", "subject", "date", "message-id")] == [2] * 5
    absent = "reply-to content-type mime-version auto-submitted list-unsubscribe list-unsubscribe-post"
    assert [names.count(n) for n in absent.split()] == [1] * 6


def test_big_mails_are_signed_in_simple_form(keys: Keys) -> None:
    signed = Signer("example.test", "s1", keys["rsa"][0]).sign(MAIL + b"QUJD\r\n" * 100_000, datetime.now(UTC))
    assert _tags(signed)["c"] == "relaxed/simple"


def test_one_signer_serves_many_threads(keys: Keys) -> None:
    pem, record = keys["rsa"]
    signer = Signer("example.test", "s1", pem)
    good: list[bool] = []

    def work(number: int) -> None:
        for turn in range(10):
            raw = MAIL.replace(b"Ajuda", b"Ajuda %d-%d" % (number, turn))
            good.append(dkim.verify(signer.sign(raw, datetime.now(UTC)), dnsfunc=lambda *_, **__: record.encode()))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert good == [True] * 40


def test_nothing_in_dkimpy_is_replaced(keys: Keys) -> None:
    Signer("example.test", "s1", keys["rsa"][0]).sign(MAIL, datetime.now(UTC))
    assert dkim.RSASSA_PKCS1_v1_5_sign is dkim.crypto.RSASSA_PKCS1_v1_5_sign


@pytest.mark.parametrize("raw", [b"Subject: x\r\n\r\n", b"From: a@b.test\r\nFrom: c@d.test\r\n\r\n"])
def test_a_mail_without_exactly_one_from_is_not_signed(keys: Keys, raw: bytes) -> None:
    with pytest.raises(ValueError, match="one From"):
        Signer("example.test", "s1", keys["rsa"][0]).sign(raw, datetime.now(UTC))


def test_the_record_belongs_to_the_key(keys: Keys) -> None:
    for kind, (pem, record) in keys.items():
        assert dns_record(pem) == record
        assert record.startswith(f"v=DKIM1; k={kind}; p=")
    assert generate_key("ed25519")[0] != generate_key("ed25519")[0]


def test_keys_that_are_missing_open_or_broken_are_refused_in_one_sentence(keys: Keys, tmp_path: Path) -> None:
    key_file = tmp_path / "dkim.pem"

    def refusal() -> str:
        with pytest.raises(KeyUnusable) as caught:
            load_signer("example.test", "s1", key_file)
        assert caught.value.exit_code == EX_CONFIG
        assert "\n" not in str(caught.value)
        assert str(key_file) in str(caught.value)
        return str(caught.value)

    assert "No such file" in refusal()
    key_file.write_bytes(keys["rsa"][0])
    for mode in (0o644, 0o640, 0o604):
        key_file.chmod(mode)
        assert "chmod 600" in refusal()
    key_file.chmod(0o600)
    assert load_signer("example.test", "s1", key_file).selector == "s1"
    key_file.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "no private key" in refusal()
    key_file.write_bytes(b"")
    assert "no private key" in refusal()
