"""The relay sink and the DNS stub do what the tests that lean on them believe."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

import dns.resolver
import pytest

from tests.integration.dnsstub import DnsStub, Failure
from tests.integration.machine import LOOPBACK
from tests.integration.sink import Mood, Sink

MAIL = b"From: ana@example.org\r\nSubject: boleto\r\nMessage-ID: <1@example.org>\r\n\r\nBom dia\r\n.ponto\r\n"
ANA, BRUNO = "ana@example.org", "bruno@example.test"


def send(sink: Sink, *rcpt_tos: str, mail_from: str = ANA) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as client:
        return client.sendmail(mail_from, rcpt_tos or (BRUNO,), MAIL)


def test_a_mail_is_kept_with_its_envelope_and_its_very_bytes(sink: Sink) -> None:
    send(sink, BRUNO, "carmen@example.net", mail_from="")
    [kept] = sink.wait_for(1, to=BRUNO)
    assert (kept.mail_from, kept.rcpt_tos, kept.raw) == ("", (BRUNO, "carmen@example.net"), MAIL)
    assert (kept.message_id, kept.text) == ("1@example.org", "Bom dia\n.ponto\n")


def test_moods_last_for_their_transactions_only(sink: Sink) -> None:
    sink.next(Mood(at_mail="451 4.3.0 later"), Mood(at_rcpt={"*": "452 4.5.3 too many"}), Mood(at_data="554 5.6.0 no"))
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(sink)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(sink)
    with pytest.raises(smtplib.SMTPDataError):
        send(sink)
    assert sink.mails == []
    assert send(sink) == {}
    assert (len(sink.mails), sink.transactions) == (1, 4)


def test_one_recipient_is_refused_and_the_other_is_not(sink: Sink) -> None:
    sink.mood = Mood(at_rcpt={"nobody@example.net": "550 5.1.1 no such person"})
    assert send(sink, BRUNO, "nobody@example.net") == {"nobody@example.net": (550, b"5.1.1 no such person")}
    assert sink.mails[0].rcpt_tos == (BRUNO,)


def test_a_connection_dropped_after_data_leaves_the_client_in_doubt(sink: Sink) -> None:
    sink.next(Mood(drop_after_data=True))
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sink)
    assert len(sink.mails) == 1


def test_a_far_end_that_hangs_can_still_be_stopped_and_comes_back(sink: Sink) -> None:
    sink.next(Mood(hang_after_data=True))
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=1) as client, pytest.raises((TimeoutError, OSError)):
        client.sendmail(ANA, BRUNO, MAIL)
    sink.stop()
    with pytest.raises(ConnectionRefusedError):
        send(sink)
    sink.start()
    assert send(sink) == {}


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
def test_a_sink_may_ask_for_a_login(make_sink: Callable[..., Sink]) -> None:
    sink = make_sink(login=("mailgate", "secret"))
    with pytest.raises(smtplib.SMTPException):
        send(sink)
    with smtplib.SMTP(LOOPBACK, sink.port, timeout=5) as client:
        client.login("mailgate", "secret")
        client.sendmail(ANA, BRUNO, MAIL)
    assert sink.mails[0].user == "mailgate"


def resolver(stub: DnsStub) -> dns.resolver.Resolver:
    made = dns.resolver.Resolver(configure=False)
    made.nameservers, made.port, made.lifetime = [LOOPBACK], stub.port, 1.0
    return made


def test_dns_answers_from_a_zone_that_changes(dns_stub: DnsStub) -> None:
    key = "v=DKIM1; p=" + "A" * 800
    dns_stub.zone["s1._domainkey.example.test"] = {"TXT": [key]}
    dns_stub.zone["mail.example.test"] = {"CNAME": ["mx.example.test"]}
    dns_stub.zone["mx.example.test"] = {"A": ["192.0.2.7"]}
    ask = resolver(dns_stub).resolve
    long = ask("s1._domainkey.example.test", "TXT")[0]
    assert b"".join(long.strings).decode() == key  # too long for UDP: came by TCP
    assert [str(address) for address in ask("mail.example.test", "A")] == ["192.0.2.7"]
    with pytest.raises(dns.resolver.NoAnswer):
        ask("example.test", "A")  # has names below it
    with pytest.raises(dns.resolver.NXDOMAIN):
        ask("example.net", "A")
    dns_stub.zone["example.net"] = {"MX": ["10 mx.example.test"]}
    assert ask("example.net", "MX")[0].preference == 10
    assert ("example.net", "MX") in dns_stub.asked


def test_dns_fails_as_told(dns_stub: DnsStub) -> None:
    dns_stub.zone["example.test"] = {"A": ["192.0.2.7"]}
    ask = resolver(dns_stub).resolve
    dns_stub.failing["example.test"] = Failure.SERVFAIL
    with pytest.raises(dns.resolver.NoNameservers):
        ask("example.test", "A")
    dns_stub.failing = {"*": Failure.SILENCE}
    with pytest.raises(dns.resolver.LifetimeTimeout):
        ask("example.test", "A")
    dns_stub.failing.clear()
    assert ask("example.test", "A")
