"""S7 to S10: machines that answer machines. Each scene ends by itself, after at most five mails of ours to the other.

A postman carries what leaves a gateway to whoever it is for: another gateway, or a robot that answers everything, well
behaved (RFC 3834) or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from itertools import count

import pytest

from tests.integration.desk import Desk
from tests.integration.dnsstub import DnsStub
from tests.integration.gateway import Gateway, merged, sane_settings
from tests.integration.machine import folder
from tests.integration.sink import Caught, Sink

pytestmark = pytest.mark.integration

MOST = 5
#: What a far end that was set up badly takes off: everything that says that a machine wrote.
TELLING = ("Auto-Submitted", "Precedence", "X-Auto-Response-Suppress", "X-Loop", "List-Id", "X-Mailgate-Ticket")


@dataclass(frozen=True)
class Mail:
    """What a robot sends. sender: of the envelope, "" for the null one."""

    raw: bytes
    sender: str
    to: str


Robot = Callable[[Caught], Mail | None]


def written(author: str, to: str, subject: str, text: str, sender: str | None = None, **fields: str) -> Mail:
    """A mail of a robot (or the person it sits before)."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = author, to, subject
    mail["Message-ID"] = make_msgid(domain=author.rpartition("@")[2])
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return Mail(mail.as_bytes(), author if sender is None else sender, to)


def where_to(mail: Caught) -> str:
    return str((mail.message["Reply-To"] or mail.message["From"]).addresses[0].addr_spec)


# --- the robots -------------------------------------------------------------------------------------------------------


def well_behaved(me: str) -> Robot:
    """RFC 3834: to the envelope sender, never to the null one, and it says what it is."""

    def robot(mail: Caught) -> Mail | None:
        if not mail.mail_from or mail.message["Auto-Submitted"] not in (None, "no"):
            return None
        return written(me, mail.mail_from, f"Ausente: {mail.message['Subject']}", "Volto dia 10.", "",
                       Auto_Submitted="auto-replied", In_Reply_To=str(mail.message["Message-ID"]))  # fmt: skip

    return robot


def rude(me: str) -> Robot:
    """Answers everything, to Reply-To, like a person: no field says otherwise."""
    return lambda mail: written(
        me, where_to(mail), f"Re: {mail.message['Subject']}", "Estou fora até o dia 10.",
        In_Reply_To=str(mail.message["Message-ID"]),
    )  # fmt: skip


def forgetful(me: str) -> Robot:
    """As rude, and to the plain address, with a subject of its own: every answer looks like a new matter."""
    return lambda mail: written(me, "suporte@example.test", "Recebemos o seu contato", "Obrigado por escrever.")


def numbering(me: str) -> Robot:
    """Another ticket system: every mail is a new protocol to it, and nothing in its answer names ours."""
    numbers = count(20260001)

    def robot(mail: Caught) -> Mail:
        number = next(numbers)
        text = f"Recebemos a sua mensagem. O protocolo é {number}.\n\nhttps://robo.test/p/{number}\n"
        return written(me, "suporte@example.test", f"[{number}] Protocolo aberto", text)

    return robot


def bouncing(me: str) -> Robot:
    """A server that sends everything back by a report, to the envelope sender."""

    def robot(mail: Caught) -> Mail | None:
        if not mail.mail_from:
            return None
        report = (
            f"From: MAILER-DAEMON@{me.partition('@')[2]}\r\nTo: {mail.mail_from}\r\nSubject: Undelivered Mail\r\n"
            f"Message-ID: {make_msgid(domain='mx.robo.test')}\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nCould not deliver.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.robo.test\r\n\r\n"
            f"Final-Recipient: rfc822; {me}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        ).encode()
        return Mail(report + mail.raw + b"\r\n--b--\r\n", "", mail.mail_from)

    return robot


def rude_bounce(me: str) -> Robot:
    """A report in prose, in the name of the person, to whoever can be answered."""
    return lambda mail: written(me, where_to(mail), "Mail delivery failed", "550 5.2.2 mailbox full\n\n" + mail.text)


def faithful_list(me: str) -> Robot:
    """A list that the support address is a member of: it hands our own mails back to us."""
    head = f"List-Id: <{me.replace('@', '.')}>\r\nPrecedence: list\r\n".encode()
    return lambda mail: Mail(head + mail.raw, me, "suporte@example.test")


def rewriting_list(me: str) -> Robot:
    """The same, with the list as author, ids of its own and no list fields."""
    return lambda mail: written(me, "suporte@example.test", f"[lista] {mail.message['Subject']}", mail.text)


ROBOTS = [well_behaved, rude, forgetful, numbering, bouncing, rude_bounce, faithful_list, rewriting_list]


# --- the postman ------------------------------------------------------------------------------------------------------


def carry(desks: dict[str, Desk], robots: dict[str, Robot], since: int, stripped: bool = False) -> list[Caught]:
    """Carry mail until there is none; what the gateways sent after the first `since` mails of the sink."""
    sink = next(iter(desks.values())).sink  # all send through one relay
    seen = since
    while True:
        for desk in desks.values():
            desk.settled()
        new = sink.mails[seen:]
        if not new:
            return sink.mails[since:]
        assert seen - since < 16 * MOST, f"no end: {[(m.rcpt_tos, m.message['Subject']) for m in sink.mails[since:]]}"
        seen += len(new)
        for mail in new:
            _hand_over(mail, desks, robots, stripped)


def _hand_over(mail: Caught, desks: dict[str, Desk], robots: dict[str, Robot], stripped: bool) -> None:
    (to,) = mail.rcpt_tos
    domain = to.rpartition("@")[2]
    if to in robots and (answer := robots[to](mail)) is not None:
        first = next(iter(desks.values()))
        first.gateway.send(answer.raw, [answer.to], answer.sender)
    elif domain in desks and to.startswith("suporte"):
        raw = without(mail.raw, TELLING) if stripped else mail.raw
        desks[domain].gateway.send(raw, [to], "postman@else.test" if stripped else mail.mail_from)


def without(raw: bytes, names: tuple[str, ...]) -> bytes:
    """A mail without some fields of its header."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines: list[bytes] = []
    dropping = False
    for line in head.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            dropping = line.partition(b":")[0].decode("ascii", "replace").lower() in map(str.lower, names)
        if not dropping:
            lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- a gateway and a robot --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proven", [True, False], ids=["proven", "unproven"])
@pytest.mark.parametrize("kind", ROBOTS, ids=lambda kind: kind.__name__)
def test_a_gateway_and_a_robot_end(house: Desk, kind: Callable[[str], Robot], proven: bool) -> None:
    who = house.customer("Robo", "provado.test" if proven else "robo.test")
    if proven:
        house.proves("provado.test")
    robots = {who.address: kind(who.address)}
    start = len(house.sink.mails)
    first = written(who.address, "suporte@example.test", "Nota não sai", "A nota não sai desde ontem.")
    house.gateway.send(first.raw, [first.to], first.sender)
    told = carry({"example.test": house}, robots, start)
    key = house.key_of(house.told("bruno@example.test", house.key_of(told[0])))
    # then an agent answers and solves it, so that the robot's word would reopen it
    work = house.told("bruno@example.test", key)
    house.bruno(work, "#resolvido\nCorrigido, pode emitir.")
    sent = [m for m in carry({"example.test": house}, robots, start) if m.rcpt_tos == (who.address,)]
    assert 1 <= len(sent) <= MOST, [str(m.message["Subject"]) for m in sent]


# --- two gateways -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(two: dict[str, Desk]) -> Desk:
    """The first of the two, alone."""
    return two["example.test"]


@pytest.fixture(scope="module")
def two() -> Iterator[dict[str, Desk]]:
    """Two gateways, a relay that both send through, and a name server that proves both."""
    with ExitStack() as ends:
        stub, relay = DnsStub(), Sink()
        stub.start()
        ends.callback(stub.stop)
        relay.start()
        ends.callback(relay.stop)
        made: dict[str, Desk] = {}
        for domain, preset in (("example.test", "centrium"), ("outra.test", "negotti")):
            home = ends.enter_context(folder("loop"))
            changes = {
                "preset": preset,
                "addresses": [{"address": f"suporte@{domain}", "department": "suporte"}],
                "agents": [{"name": "Bruno", "address": f"bruno@{domain}", "departments": ["suporte"]}],
            }
            gateway = Gateway(home, merged(sane_settings(home, "sqlite", relay.port, stub.address), changes), relay)
            gateway.install()
            gateway.start()
            ends.callback(lambda one=gateway: one.stop() if one.is_running else None)
            made[domain] = Desk(gateway, stub)
            made[domain].proves(domain)
            ends.callback(made[domain].close)
        yield made


@pytest.mark.parametrize("stripped", [False, True], ids=["as sent", "without a word of automation"])
def test_two_gateways_end(two: dict[str, Desk], stripped: bool) -> None:
    ours, theirs = two["example.test"], two["outra.test"]
    start = len(ours.sink.mails)
    subject = "Chamado interno" if stripped else "Pedido de acesso"
    first = written("suporte@outra.test", "suporte@example.test", subject, "Precisamos de acesso ao servidor.")
    ours.gateway.send(first.raw, [first.to], first.sender)
    opened = carry(two, {}, start, stripped)
    key = next(ours.key_of(m) for m in opened if m.rcpt_tos == ("bruno@example.test",))
    # a person answers on this side, and on the other: both answers are no machine's
    ours.bruno(ours.told("bruno@example.test", key), "#resolvido\nAcesso criado.")
    after = carry(two, {}, start, stripped)
    work = next((m for m in after if m.rcpt_tos == ("bruno@outra.test",)), None)
    if work is not None:
        from tests.integration import clients

        raw = clients.reply(
            clients.THUNDERBIRD, clients.Person("Bruno", "bruno@outra.test"), work, "Ainda não entra.", at=theirs.now()
        )
        theirs.gateway.submit(raw, [clients.address_of(work)], "bruno@outra.test")
    all_of_it = carry(two, {}, start, stripped)
    for domain in two:
        sent = [m for m in all_of_it if m.rcpt_tos[0].startswith("suporte") and m.rcpt_tos[0].endswith(domain)]
        assert len(sent) <= MOST, [str(m.message["Subject"]) for m in sent]
