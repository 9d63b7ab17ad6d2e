"""The short ways through ordinary mails give what the long ones give."""

from __future__ import annotations

import pytest
from mailparser.dates import parse_mail_date

from mailgate.mail.headers import _usual_date
from mailgate.mail.html import _NEGATIVE
from mailgate.mail.phrases import lower

DATES = [
    "Mon, 02 Mar 2026 10:00:00 -0300",
    "Mon, 2 Mar 2026 10:00:00 +0530",
    "Thu, 29 Feb 2024 23:59:59 +0000 (UTC)",
    "Mon, 01 Jan 1900 00:00:00 +0100",
    "Tue, 02 Mar 2026 10:00:00 -0300",  # a Monday
    "Fri, 30 Feb 2024 10:00:00 +0000",
    "Mon, 02 Mar 2026 24:00:00 -0300",
    "Mon, 02 Mar 2026 10:00:60 -0300",
    "Mon, 02 Mar 2026 10:00:00 -0375",
]


@pytest.mark.parametrize("written", DATES)
def test_a_usual_date_is_the_instant_that_mail_parser_reads(written: str) -> None:
    found = _usual_date(written)
    assert found is None or (found, ()) == (parse_mail_date(written).value, parse_mail_date(written).reasons)


def test_usual_dates_take_the_short_way() -> None:
    assert all(_usual_date(written) is not None for written in DATES[:3])


def test_lower_case_by_either_way() -> None:
    every = "".join(map(chr, range(0x2000)))
    assert lower(every[:256]) == every[:256].lower()
    assert lower(every) == every.lower()


@pytest.mark.parametrize("style", ["margin:-5px", "top: -5px", "LEFT:\t  -.5em", "margin:0 -9PX", "margin:auto -1%"])
def test_what_reaches_over_its_place_is_seen(style: str) -> None:
    assert _NEGATIVE.search(style)


@pytest.mark.parametrize("style", ["margin-left:5px", "color:red", "font-family:a-5", "width:9px"])
def test_what_stays_in_its_place_is_not(style: str) -> None:
    assert not _NEGATIVE.search(style)
