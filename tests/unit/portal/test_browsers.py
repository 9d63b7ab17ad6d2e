"""Browsers and networks by the names that people know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.portal.browsers import browser_name, counted, network

_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/"
_WIN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox, Linux"),
        (_WIN, "Chrome, Windows"),
        (_WIN + " Edg/126.0", "Edge, Windows"),
        (_WIN + " OPR/111.0", "Opera, Windows"),
        (_MAC + "605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari, macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) CriOS/126.0 Mobile Safari/604.1", "Chrome, iPhone"),
        ("Mozilla/5.0 (Linux; Android 14; SM-S918B) SamsungBrowser/25.0 Chrome/121.0", "Samsung Internet, Android"),
        ("curl/8.5.0", ""),
        ("", ""),
    ],
)
def test_browsers(agent: str, name: str) -> None:
    assert browser_name(agent) == name


def test_networks() -> None:
    assert network("203.0.113.77") == network("::ffff:203.0.113.77") == "203.0.113.x"
    assert network("2001:db8:1:2:3::4") == "2001:0db8:0001:0002::"
    assert network("fe80::1%eth0") == "fe80:0000:0000:0000::"
    assert network("unix:") == ""
    assert counted("203.0.113.77") == "203.0.113.77"
    assert counted("2001:db8:1:2:3::4") == counted("2001:db8:1:2::9")


@given(st.text(max_size=2000))
def test_anything(text: str) -> None:
    assert len(browser_name(text)) <= 60
    assert len(network(text)) <= 60
    counted(text)
