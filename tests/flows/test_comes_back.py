"""S1, S8, S9: mails that come twice, our own mails that come back, and reports that somebody made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store.tables import COMMENT, JOURNAL, OUTBOX, SUPPRESSION
from store.vocabulary import Outcome, Road
from tests.flows.story import Story
from tests.flows.test_bounces import report
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

#: What servers write above a mail on its way.
TRACES = (
    b"Return-Path: <ana@cliente.test>\r\nDelivered-To: suporte@example.test\r\n",
    b"Received: from a by b with LMTP id 1; Wed, 5 Nov 2025 13:21:00 +0000\r\nX-Original-To: suporte@example.test\r\n",
    b"Authentication-Results: mx.else.test; spf=none\r\nReceived-SPF: none\r\nX-Spam-Score: 0.1\r\n"
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=else.test; s=s; b=AAAA\r\nDKIM-Signature: v=1; d=else.test; b=BBBB\r\n",
    b"Envelope-To: suporte@example.test\r\nDelivery-Date: Wed, 05 Nov 2025 13:22:00 +0000\r\nStatus: RO\r\n",
)
ROADS = (Road.SMTP, Road.LMTP, Road.IMAP, Road.PIPE)


@pytest.fixture
def opened(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket, answered by Bruno; all has left."""
    story = make_story()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.deliver()
    story.agent_answers("SUP-1", "Instale a versão nova.")
    story.deliver()
    return story


def test_whatever_servers_write_above_it_a_mail_is_the_same_for_a_month(story: Story) -> None:
    """S1."""
    mail = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.\n\n.ponto\n")
    outcomes = [story.receive(mail).outcome]
    for road in ROADS:
        story.later(days=7)
        outcomes += [story.receive(trace + mail, road=road).outcome for trace in TRACES]
        outcomes.append(story.receive(mail.replace(b"\r\n", b"\n"), road=road).outcome)
    assert outcomes == [Outcome.OPENED] + [Outcome.DUPLICATE] * 20
    assert (story.count(COMMENT), story.told()) == (1, [("N1", ANA[1]), ("N19", BRUNO[1])])


@pytest.mark.parametrize("message_id", ["", "<>", "<   >", "<<<<a", "no id at all", "<a@b> <c@d>", "<\x00@b>", "<@>"])
def test_a_message_id_that_is_none_gets_one_out_of_the_content(story: Story, message_id: str) -> None:
    """S3: the same each time, other for other content, and no two strangers are joined by it."""
    one, two = (
        b"Message-ID: " + message_id.encode() + b"\r\n" + _without_id(plain_mail(who, SUPPORT, "Nota", text))
        for who, text in ((ANA, "Erro 656."), (CARMEN, "Erro 999."))
    )
    assert [story.receive(m).outcome for m in (one, two, one)] == [Outcome.OPENED, Outcome.OPENED, Outcome.DUPLICATE]
    answer = b"In-Reply-To: " + message_id.encode() + b"\r\n" + plain_mail(CARMEN, SUPPORT, "Outra coisa", "Oi.")
    assert story.receive(answer).key == "SUP-3"
    named = {story.comments(key)[0].message_id for key in ("SUP-1", "SUP-2")}
    assert len(named) == (1 if message_id == "<a@b> <c@d>" else 2)


def test_our_own_mails_that_come_back_are_held(opened: Story) -> None:
    """S8: to whatever address of ours, from whoever, with a trace more."""
    written, told = opened.count(OUTBOX), len(opened.sent)
    for mail in list(opened.sent):
        for to in (SUPPORT, _field(mail.raw, b"Reply-To")):
            settled = opened.receive(b"X-Hop: " + to.encode() + b"\r\n" + mail.raw, [to], mail_from=mail.recipient)
            row = opened.journal(settled.journal_id)
            assert (row.outcome, row.reason) in ((Outcome.HELD, "loop"), (Outcome.DUPLICATE, None), ("duplicate", ""))
    assert (opened.count(OUTBOX), len(opened.sent)) == (written, told)
    assert {r.reason for r in opened.rows(JOURNAL, JOURNAL.c.outcome == Outcome.HELD)} == {"loop"}
    assert opened.count(COMMENT) == 2


def test_a_colleague_of_the_same_domain_is_no_loop(story: Story) -> None:
    """S8: agents and companies share the domain of the support address."""
    assert story.receive(plain_mail(("Caixa", "caixa@example.test"), SUPPORT, "Oi", "Oi")).outcome is Outcome.OPENED


COMMANDS = "#fechar\n#resolvido\n#atribuir bruno@example.test\n"


@pytest.mark.parametrize("kind", ["nobody's", "strangers'", "all of ours", "with orders", "to the reply address"])
def test_reports_that_somebody_made_up(opened: Story, kind: str) -> None:
    """S9: nobody is disabled, no word is written, no order followed, and nobody is answered."""
    ours = [row.message_id for row in opened.outbox()]
    before = opened.ticket("SUP-1")
    ids = {
        "nobody's": [f"{'a' * 44}.{n}@example.test" for n in range(9)],
        "strangers'": [f"{n}@else.test" for n in range(9)],
    }.get(kind, ours)
    to = _field(opened.sent[-1].raw, b"Reply-To") if kind == "to the reply address" else SUPPORT
    for number, message_id in enumerate(ids):
        raw = report(message_id, unique=str(number))
        raw = raw.replace(b"Your mail.", COMMANDS.encode()) if kind == "with orders" else raw
        for sender in ("", "mallory@evil.test"):
            settled = opened.receive(
                raw.replace(b"@relay.test>", f"{sender}@relay.test>".encode(), 1), [to], mail_from=sender
            )
            assert settled.outcome in (Outcome.DSN, Outcome.DUPLICATE)
    after = opened.ticket("SUP-1")
    assert (after.status, after.agent_id, after.last_customer_at) == (
        before.status, before.agent_id, before.last_customer_at,
    )  # fmt: skip
    assert (opened.count(COMMENT), opened.rows(SUPPRESSION)) == (2, [])
    assert {row.recipient for row in opened.outbox()} == {ANA[1], BRUNO[1]}
    opened.agent_answers("SUP-1", "Ainda recebe?")
    assert ANA[1] in [m.recipient for m in opened.deliver() if b"Ainda recebe" in m.raw]


def _without_id(mail: bytes) -> bytes:
    return b"\r\n".join(line for line in mail.split(b"\r\n") if not line.startswith(b"Message-ID:"))


def _field(mail: bytes, name: bytes) -> str:
    """The address in a field of a mail, unfolded."""
    head = mail.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    value = next(line for line in head.split(b"\r\n") if line.startswith(name + b":"))
    return value.partition(b"<")[2].partition(b">")[0].decode() or value.partition(b":")[2].strip().decode()
