"""What leaves, as the relay gets it: one envelope and one body a person, signed so that nothing can be added."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path

import dkim
import pytest

from mailgate.authn.sign import OVERSIGNED, generate_key
from tests.integration.desk import BRUNO, Desk
from tests.integration.sink import Caught

PEM, RECORD = generate_key("rsa")
#: Fields that a stranger might put above a mail of ours.
ADDED = (
    b"From: eva@malvada.test",
    b"Subject: Outro",
    b"Reply-To: eva@malvada.test",
    b"Content-Type: text/html",
    b"List-Unsubscribe: <https://malvada.test>",
    b"Cc: eva@malvada.test",
)
_FOURTEEN_DAYS = 14 * 24 * 3600


def DESK_SETTINGS(request: pytest.FixtureRequest) -> dict[str, object]:
    folder = tempfile.TemporaryDirectory()
    request.addfinalizer(folder.cleanup)
    key = Path(folder.name) / "dkim.pem"
    key.write_bytes(PEM)
    key.chmod(0o600)
    return {"dkim": {"domain": "example.test", "selector": "s1", "key_file": str(key)}}


def verifies(raw: bytes) -> bool:
    """What a receiver's dkimpy says."""
    return bool(dkim.verify(raw, dnsfunc=lambda name, timeout=5: RECORD.encode()))


def signed_as_owed(mail: Caught) -> None:
    """O6: verified, oversigned, no l=, 14 days, one From of the signing domain; what is added breaks it."""
    assert verifies(mail.raw), mail.raw[:600]
    [field] = mail.message.get_all("DKIM-Signature")
    tags = dict(re.findall(r"(\w+)\s*=\s*([^;]*)", re.sub(r"\s+", " ", field)))
    assert "l" not in tags
    assert (tags["d"].strip(), int(tags["x"]) - int(tags["t"])) == ("example.test", _FOURTEEN_DAYS)
    named = Counter(re.sub(r"\s", "", tags["h"]).lower().split(":"))
    there = Counter(name.lower() for name in mail.message.keys())  # noqa: SIM118 - a field may come twice
    assert all(named[name] == there[name] + 1 for name in (n.decode() for n in OVERSIGNED))
    [author] = mail.message["From"].addresses
    assert author.domain == "example.test"
    for more in ADDED:
        assert not verifies(more + b"\r\n" + mail.raw), more
    assert not verifies(mail.raw + b"mais\r\n")


def test_one_envelope_one_body_and_a_signature_that_covers_them(desk: Desk) -> None:
    domain = desk.proves("provada.test")
    ana, carmen = desk.customer("Ana Souza", domain), desk.customer("Carmen Ruiz", domain)
    guest = desk.customer("Rui", "sem.test")
    key = desk.opens(ana, "Licenças", "Precisamos de dez.", cc=carmen.mailbox)
    desk.opens(guest, "Boleto", "Enviem.")
    notice = desk.told(BRUNO.address, key)
    desk.bruno(notice, "Seguem as dez.")
    answers = [desk.told(ana.address, key, 2), desk.told(carmen.address, key)]
    desk.bruno(notice, "#resovido\nPronto.")
    desk.told(BRUNO.address, key, 2)
    desk.settled()
    people = {ana.address, carmen.address, guest.address, BRUNO.address}
    for mail in desk.sink.mails:
        signed_as_owed(mail)
        [recipient] = mail.rcpt_tos
        assert [a.addr_spec for a in mail.message["To"].addresses] == [recipient]
        assert mail.message["Cc"] is None
        assert mail.message["Bcc"] is None
        head = mail.raw.partition(b"\r\n\r\n")[0].decode()
        assert not any(other in head for other in people - {recipient})
        assert (mail.message["Auto-Submitted"] is None) == (mail in answers), mail.message["Subject"]
    assert len({mail.message["Reply-To"] for mail in answers}) == 2
    assert len({mail.message_id for mail in desk.sink.mails}) == len(desk.sink.mails)
    followed = answers[1].message
    assert followed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert followed["List-Unsubscribe"].startswith(f"<{desk.gateway.portal_url}/")
