"""Deadlines as a calendar file (RFC 5545)."""

from __future__ import annotations

from datetime import UTC, datetime

from mailgate.notify.calendar import Deadline, calendar

AT = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


def test_a_deadline_as_an_event() -> None:
    text = calendar([Deadline("SUP-1@x", AT, "SUP-1 · Nota; boleto, e\nmais", "https://x.test/t/1")], AT).decode()
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert "DTSTART:20261124T210000Z\r\nDTEND:20261124T211500Z\r\n" in text
    assert "SUMMARY:SUP-1 · Nota\\; boleto\\, e mais\r\n" in text
    assert text.endswith("END:VEVENT\r\nEND:VCALENDAR\r\n")


def test_long_lines_are_folded_between_characters_at_75_octets() -> None:
    raw = calendar([Deadline("SUP-1@x", AT, "ação " * 60)], AT)
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    assert "ação " * 59 in raw.decode().replace("\r\n ", "")
