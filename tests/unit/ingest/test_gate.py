"""What is answered at the door, and that the answer costs no more than the length of what was sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.ingest.gate import GateRules, check_content, check_recipient, decide, has_line_beyond, header_end
from mailgate.mail.envelope import Envelope, Received
from store.vocabulary import Road

RULES = GateRules(lambda address: address.lower() == "suporte@example.test", recipients=3, message_bytes=1 << 20)
MAIL = b"From: ana@customer.test\r\nSubject: x\r\n\r\nbody\r\n"


def arrived(raw: bytes = MAIL, *rcpt_tos: str, road: Road = Road.SMTP) -> Received:
    return Received(Envelope("ana@customer.test", rcpt_tos), raw, road, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_mail_to_us_passes_by_every_road() -> None:
    for road in Road:
        assert decide(arrived(MAIL, "Suporte@Example.test", road=road), RULES).code == 250


def test_one_stranger_among_the_recipients_is_refused() -> None:
    reply = decide(arrived(MAIL, "suporte@example.test", "ceo@bank.test"), RULES)
    assert (reply.code, reply.enhanced) == (550, "5.1.1")


def test_a_mail_for_nobody_is_refused_where_the_road_has_an_envelope() -> None:
    assert decide(arrived(road=Road.LMTP), RULES).code == 554
    assert decide(arrived(road=Road.IMAP), RULES).code == 250


def test_recipients_beyond_the_bound_are_asked_to_come_later() -> None:
    assert check_recipient("suporte@example.test", 2, RULES).code == 250
    assert str(check_recipient("suporte@example.test", 3, RULES)).startswith("452 4.5.3")


def test_a_bare_postmaster_is_ours_if_our_own_name_has_one() -> None:
    with_name = GateRules(lambda address: address == "postmaster@mx.test", hostnames=frozenset({"mx.test"}))
    assert check_recipient("PostMaster", 0, with_name).code == 250
    assert check_recipient("PostMaster", 0, RULES).code == 550


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 250),
        (b"\r\n" * 100_000, 250),
        (b"\0" * 65_536, 250),
        (b"x" * 65_536 + b"\r\n", 250),
        (b"x" * 70_000, 554),
        (b"a\r\n" + b"x" * 70_000 + b"\r\nb\r\n", 554),
        (b"\r\n" + b"x\r\n" * 400_000, 552),
        (b"Received: a\r\n" * 50 + b"\r\n", 250),
        (b"Received: a\n" * 51 + b"\n", 554),
        (b"RECEIVED : a\r\n" * 51, 554),
        (b"\r\n" + b"Received: a\r\n" * 51, 250),
        (b"X-Received: a\r\n" * 51 + b"\r\n", 250),
        (b"X: " + b"y" * 1000 + b"\r\n" + b" folded\r\n" * 40_000 + b"\r\n", 554),
        (b"only words\r\n" * 40_000, 250),
    ],
)
def test_bytes_are_judged_by_few_bounds(raw: bytes, code: int) -> None:
    assert check_content(raw, RULES).code == code


@given(st.binary(max_size=400), st.integers(1, 40))
def test_long_lines_are_found_as_by_splitting(raw: bytes, limit: int) -> None:
    lengths = [len(line) for line in raw.split(b"\n")]
    assert has_line_beyond(raw, limit) == any(length > limit + 1 for length in lengths)


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(raw: bytes) -> None:
    assert check_content(raw, RULES).code in (250, 552, 554)
    end = header_end(raw, 100)
    assert end is None or end <= len(raw)


@pytest.mark.parametrize(
    "raw",
    [b"\r\n" * 500_000, b"x:" * 30_000 + b"\r\n", b"Received:\r\n" * 90_000, b" \r\n" * 300_000, b"\r" * 900_000],
    ids=["empty lines", "colons", "hops", "folds", "carriage returns"],
)
def test_a_hostile_megabyte_is_judged_at_once(raw: bytes) -> None:
    began = time.perf_counter()
    check_content(raw, RULES)
    assert time.perf_counter() - began < 0.5
