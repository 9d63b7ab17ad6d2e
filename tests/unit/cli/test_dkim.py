"""`dkim keygen` and `record`: before, while and after the configuration knows of a key."""

from __future__ import annotations

import base64
import re
import stat

import dkim
import pytest

from mailgate.authn.sign import load_signer
from mailgate.clock import utc_now
from tests.unit.cli.conftest import Shell

MAIL = b"From: suporte@example.test\r\nTo: ana@cliente.test\r\nSubject: Oi\r\n\r\nOi\r\n"


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_record_printed_verifies_what_the_key_signs(bare: Shell, kind: str) -> None:
    ran = bare("dkim", "keygen", "--kind", kind, "--out", str(bare.folder / "k.pem"))
    assert ran.code == 0
    name, _, strings = ran.out.partition(". IN TXT ( ")
    assert name == "s1._domainkey.example.test"
    pieces = re.findall(r'"([^"]*)"', strings)
    assert all(len(piece) <= 255 for piece in pieces)
    assert stat.S_IMODE((bare.folder / "k.pem").stat().st_mode) == 0o600
    signed = load_signer("example.test", "s1", bare.folder / "k.pem").sign(MAIL, utc_now())
    assert dkim.verify(signed, dnsfunc=lambda *_, **__: "".join(pieces).encode())


def test_while_the_configured_key_is_still_missing(bare: Shell) -> None:
    with bare.file.open("a") as file:
        file.write("dkim: {domain: Mail.example.test, selector: nov26, key_file: keys.pem}\n")
    assert bare("check").code == 78
    assert bare("dkim", "record").code == 66
    made = bare("dkim", "keygen", "--json").value
    assert made["name"] == "nov26._domainkey.mail.example.test"
    assert bare("check").code == 0
    assert bare("dkim", "record", "--json").value == made
    key = made["value"].partition("p=")[2]
    assert len(base64.b64decode(key)) > 200


def test_a_key_is_never_overwritten(bare: Shell) -> None:
    assert bare("dkim", "keygen").code == 0
    before = (bare.folder / "dkim.pem").read_bytes()
    ran = bare("dkim", "keygen")
    assert ran.code == 65
    assert "exists already" in ran.err
    assert (bare.folder / "dkim.pem").read_bytes() == before


def test_without_a_configuration_the_domain_must_be_said(bare: Shell) -> None:
    bare.monkeypatch.delenv("MAILGATE_CONFIG")
    bare.monkeypatch.chdir(bare.folder.parent)
    bare.file.rename(bare.folder / "aside")
    assert bare("dkim", "keygen").code == 64
    assert bare("dkim", "keygen", "--domain", "example.test", "--out", "k.pem").code == 0


def test_what_is_no_key(bare: Shell) -> None:
    (bare.folder / "k.pem").write_text("nonsense")
    assert bare("dkim", "record", "--key", str(bare.folder / "k.pem")).code == 78
