"""Browsers and networks as their people would name them. Pure, bounded, total."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

#: The first that fits: a browser names its ancestors too.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Vivaldi", "Vivaldi"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Chromium", "Chromium"),
    ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Macintosh", "macOS"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_MOST = 1000


def browser_name(user_agent: str) -> str:
    """`Firefox, Linux` out of a User-Agent (RFC 9110 §10.1.5); "" for one that says neither."""
    head = user_agent[:_MOST]
    browser = next((name for mark, name in _BROWSERS if mark in head), "")
    system = next((name for mark, name in _SYSTEMS if mark in head), "")
    return ", ".join(one for one in (browser, system) if one)


def network(peer: str) -> str:
    """The network of an address as a person is shown it: `203.0.113.x`; "" for what is no address."""
    found = _address(peer)
    if isinstance(found, IPv4Address):
        return f"{str(found).rpartition('.')[0]}.x"
    return f"{':'.join(found.exploded.split(':')[:4])}::" if found is not None else ""


def counted(peer: str) -> str:
    """Whom to count an attempt for: an IPv6 subscriber has a whole /64 to choose addresses from (RFC 6177 §2)."""
    return network(peer) if isinstance(_address(peer), IPv6Address) else peer


def _address(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
