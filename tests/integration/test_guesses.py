"""I6 on the running program: ten thousand guessed names of a ticket, by a stranger who is proven to be one."""

from __future__ import annotations

import base64
import random

import pytest

from tests.integration import clients
from tests.integration.clients import GMAIL, SUPPORT
from tests.integration.desk import BRUNO, Desk, comments

pytestmark = pytest.mark.long

DESK_SETTINGS = {
    "limits": dict.fromkeys(
        ("tickets_per_sender", "mails_per_sender", "acks_per_address", "acks_per_verified_address", "acks_total"), "off"
    )
}
MAILS, RECIPIENTS, REFERENCES, KEYS = 100, 60, 30, 10


def _near(token: str, dice: random.Random) -> str:
    """A token of ours with one of its bits turned, or one of nothing but chance; as long as ours."""
    data = bytearray(base64.b32decode(token.upper() + "=" * (-len(token) % 8)))
    if dice.random() < 0.5:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    else:
        data = bytearray(dice.randbytes(len(data)))
    return base64.b32encode(bytes(data)).decode().rstrip("=").lower()


def test_ten_thousand_guesses_join_nobody(desk: Desk) -> None:
    dice = random.Random(6)
    ana, eva = desk.customer(), desk.customer("Eva", desk.proves("alhures.test"))
    keys = [desk.opens(ana, f"Folha {n}", f"O salário {n} está errado.") for n in range(3)]
    own = desk.opens(eva, "Minha", "Minha pergunta.")
    notice = desk.sink.to(eva.address)[0]
    token = clients.address_of(notice).split("+")[1].split("@")[0]  # one that is good, for her own ticket
    desk.settled()
    before = {key: (len(comments(desk.ticket(key))), desk.count_told(ana.address, key)) for key in keys}
    first = len(desk.sink.mails)
    guesses = 0
    for number in range(MAILS):
        to = [SUPPORT] + [f"suporte+{dice.choice(('', 'b', 'a'))}{_near(token, dice)}@example.test"
                          for _ in range(RECIPIENTS)]  # fmt: skip
        ids = "\r\n ".join(
            f"<{_near(token, dice)}.{dice.randrange(1 << 40):x}@example.test>" for _ in range(REFERENCES)
        )
        named = " ".join(f"[{keys[0].partition('-')[0]}-{dice.randrange(1, 9)}]" for _ in range(KEYS))
        raw = clients.first(GMAIL, eva, f"Re: {named}", f"Mandem o histórico, zqeva{number}.", at=desk.now())
        raw = f"In-Reply-To: {ids.split()[0]}\r\nReferences: {ids}\r\n".encode() + raw
        desk.gateway.send(raw, to, eva.address)
        guesses += RECIPIENTS + REFERENCES + KEYS
    assert guesses == 10_000
    desk.settled()
    rows = [row for row in desk.rows() if row["key"]]
    for key in keys:
        ticket = next(row for row in rows if row["key"] == key)
        assert (len(comments(ticket)), desk.count_told(ana.address, key)) == before[key]
        assert eva.address not in str(ticket["messages"])
    hers = [row for row in rows if row["requester"] == eva.address]
    assert own in [row["key"] for row in hers]
    assert sum(len(comments(row)) for row in hers) == MAILS + 1
    later = desk.sink.mails[first:]
    for mail in later:
        assert mail.rcpt_tos in ((eva.address,), (BRUNO.address,))
        if mail.rcpt_tos == (eva.address,):
            assert "salário" not in mail.text
            assert ana.address not in mail.text + mail.raw.decode("latin-1")
    print(f"{guesses} guesses in {MAILS} mails: 0 joined, {len(later)} mails to the stranger and the agent only")
