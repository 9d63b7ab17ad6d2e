"""What of the IMAP road is pure: accounts that must not reach a server, envelopes, sets of UIDs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.ingest.imap import Flag, ImapAccount, Move, check_folder_name
from mailgate.ingest.imap_envelope import mail_from
from mailgate.ingest.imap_session import read_sequence_set, sequence_set


@pytest.mark.parametrize(
    "name", ["", 'IN"BOX', "INBOX\r\nA1 LOGOUT", "a\x00b", "a\\b", "a\nb", "\x7f", "\ud800", "x" * 501]
)
def test_folder_names_that_would_say_more_than_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="IMAP folder"):
        check_folder_name(name)


@pytest.mark.parametrize("name", ["INBOX", "Caixa de entrada/Lidos", "Saída", "[Gmail]/All Mail", "A & B", "日本"])
def test_folder_names_of_people(name: str) -> None:
    assert check_folder_name(name) == name


@pytest.mark.parametrize("keyword", ["a b", "", "x)", "\\Recent", "a\r\nb", "é", "(", '"'])
def test_flags_that_are_none(keyword: str) -> None:
    with pytest.raises(ValueError, match="IMAP flag"):
        Flag(keyword)


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "a\r\nb"},
        {"password": "a\nb"},
        {"folders": ()},
        {"folders": ("INBOX", "INBOX")},
        {"folders": ("INBOX\r\n",)},
        {"after": Move("INBOX")},
        {"max_literal_bytes": 1},
    ],
)
def test_accounts_that_are_refused(changes: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"name": "a", "host": "h", "port": 993, "user": "u", "address": "a@example.test"}
    ImapAccount(**settings)
    with pytest.raises(ValueError):  # noqa: PT011
        ImapAccount(**(settings | changes))


def test_an_account_does_not_print_its_secrets() -> None:
    account = ImapAccount("a", "h", 993, "u", "a@example.test", password="hunter2", token=lambda: "t")
    assert "hunter2" not in repr(account)
    assert "lambda" not in repr(account)


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (b"Return-Path: <ana@example.org>\r\nFrom: x@example.net\r\n", "ana@example.org"),
        (b"Return-Path: <>\r\nFrom: MAILER-DAEMON@example.org\r\n", ""),
        (b"Received: by x\r\n\tfor y\r\nRETURN-PATH :\r\n <ana@example.org>\r\n", "ana@example.org"),
        (b"Return-Path: <first@example.org>\r\nReturn-Path: <>\r\n", "first@example.org"),
        (b"From: Ana <ana@example.org>\r\n", "ana@example.org"),
        (b"From: ana@example.org (Ana <b@c>)\r\n", "ana@example.org"),
        (b'From: "Ana <evil@example.net>" <ana@example.org>\r\n', "ana@example.org"),
        (b"from:\r\n =?utf-8?q?Ana?=\r\n\t<ana@example.org>\r\n", "ana@example.org"),
        (b"From: Ana\nSubject: bare line feeds\n", ""),
        (b"From: ana@example.org\nSubject: bare line feeds\n", "ana@example.org"),
        (b"Return-Path: nonsense\r\nFrom: ana@example.org\r\n", "ana@example.org"),
        (b"Subject: none\r\n", ""),
        (b"", ""),
        ("From: <joão@exemplo.test>\r\n".encode(), "joão@exemplo.test"),
    ],
)
def test_the_envelope_sender_as_far_as_the_header_tells(header: bytes, sender: str) -> None:
    assert mail_from(header + b"\r\nFrom: body@example.net\r\n") == sender


@given(st.binary(max_size=3000))
def test_any_bytes_have_a_sender_or_none(raw: bytes) -> None:
    assert "\n" not in mail_from(raw)
    assert "\n" not in mail_from(b"Return-Path: " + raw)
    assert "\n" not in mail_from(b"From: " + raw)


@given(st.sets(st.integers(1, 2**32 - 1), max_size=50))
def test_a_set_of_uids_survives_being_written(uids: set[int]) -> None:
    assert read_sequence_set(sequence_set(uids)) == uids


def test_runs_of_uids_are_written_shortly() -> None:
    assert sequence_set({*range(1, 100_001), 200_000}) == "1:100000,200000"


@pytest.mark.parametrize("text", ["0", "5:4", "1:*", "x", "-1", "4294967296"])
def test_what_is_no_set_of_uids(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_sequence_set(text)
