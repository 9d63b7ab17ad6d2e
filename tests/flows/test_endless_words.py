"""Words of a mail that an index of a database cannot hold: the mail pays for them, nobody else waits for it.

PostgreSQL refuses an index entry of more than 2,704 octets, and says so as it says that its disk is full.
"""

from __future__ import annotations

import base64
import hashlib

import pytest

from mailgate.mail import headers
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, SUPPORT, plain_mail


def _noise(octets: int) -> str:
    """Letters and digits that no compression makes shorter."""
    digests = b"".join(hashlib.sha512(str(n).encode()).digest() for n in range(octets // 40))
    return base64.b32encode(digests).decode()[:octets]


def _rare(letters: int) -> str:
    """Letters of four octets each."""
    digests = b"".join(hashlib.sha512(str(n).encode()).digest() for n in range(letters // 20))
    return "".join(chr(0x20000 + int.from_bytes(digests[n : n + 2]) % 0xA000) for n in range(0, 2 * letters, 2))


def _mail(author: str = ANA[1], message_id: str = "", in_reply_to: str = "") -> bytes:
    """A mail whose words are endless."""
    fields = [f"From: Ana <{author}>", f"To: {SUPPORT}", "Subject: Nota", "Date: Wed, 05 Nov 2025 10:20:00 -0300"]
    fields += [f"Message-ID: <{message_id}>"] if message_id else []
    fields += [f"In-Reply-To: <{in_reply_to}>"] if in_reply_to else []
    return ("\r\n".join(fields) + "\r\n\r\nA nota não sai.\r\n").encode()


ENDLESS = {
    "author": _mail(author=f"{_noise(9000)}@cliente.test"),
    "author beyond ASCII": _mail(author=f"{_rare(1000)}@cliente.test"),
    "domain": _mail(author=f"ana@{_noise(6000)}.test"),
    "id": _mail(message_id=f"{_rare(880)}@cliente.test"),
    "answer": _mail(message_id="a@cliente.test", in_reply_to=f"{_rare(880)}@cliente.test"),
}


#: Who has no address, as no name that DNS knows, is nobody.
_NOBODY = {"author", "author beyond ASCII", "domain"}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_mail_with_endless_words_stops_no_other(story: Story, what: str) -> None:
    endless = story.accept(ENDLESS[what])
    other = story.accept(plain_mail(ANA, SUPPORT, "Boleto", "O boleto não veio."))
    for number in range(4):
        story.process(f"w:{number}", story.claim(f"w:{number}"))
        story.later(minutes=1)
    assert story.journal(other).outcome == Outcome.OPENED
    row = story.journal(endless)
    assert row.outcome == (Outcome.HELD if what in _NOBODY else Outcome.OPENED)


def test_what_an_index_cannot_hold_is_the_fault_of_its_row(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should another word be as long: its mail is tried three times and held, the others go on."""
    monkeypatch.setattr(headers, "_MOST_OF_ADDRESS", 100_000)
    endless = story.accept(ENDLESS["author"])
    other = story.accept(plain_mail(ANA, SUPPORT, "Boleto", "O boleto não veio."))
    for number in range(4):
        story.process(f"w:{number}", story.claim(f"w:{number}"))
        story.later(minutes=1)
    assert story.journal(other).outcome == Outcome.OPENED
    assert story.journal(endless).outcome != Outcome.PENDING
