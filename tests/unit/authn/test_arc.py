"""Chains of seals: whose word counts, and what may have happened on the way. Ana writes by way of a mailing list."""

from __future__ import annotations

import time

import dkim
import pytest

from mailgate.authn.arc import SETS, Arc, check_arc
from mailgate.authn.resolver import DictResolver
from mailgate.authn.wire import split
from tests.unit.authn.conftest import MAIL, World

LIST, EVIL = "list.test", "evil.test"
SAW_DKIM = "dkim=pass header.d=example.test"


@pytest.fixture
def sealing(world: World, keys: dict[str, tuple[bytes, str]]) -> World:
    for name in (LIST, "google.test", EVIL):
        world.zone[f"s1._domainkey.{name}"] = {"TXT": [keys["rsa"][1]]}
    return world


def seal(world: World, raw: bytes, domain: str, said: str) -> bytes:
    """The mail with one set more by `domain`, whose server `mx.domain` says `said`, in dkimpy's own hand."""
    before = check_arc(split(raw), DictResolver(world.zone)).result
    report = f"Authentication-Results: mx.{domain}; {said}; arc={before}\r\n".encode()
    lines = dkim.ARC(report + raw).sign(
        b"s1", domain.encode(), world.pem, f"mx.{domain}".encode(), [b"from", b"subject"]
    )
    return b"".join(lines) + raw


FOOTER = b"-- \r\nUma lista\r\n"


def test_a_list_that_we_trust_speaks_for_the_author_whose_signature_it_broke(sealing: World) -> None:
    raw = seal(sealing, sealing.sign() + FOOTER, LIST, SAW_DKIM)
    stranger = sealing.verify(raw)
    assert (stranger.dkim, stranger.arc, stranger.arc_sealer, stranger.aligned) == ("fail", "pass", LIST, False)
    assert "not a trusted sealer" in stranger.reason
    trusted = sealing.verify(raw, sealers=(LIST,))
    assert (trusted.aligned, trusted.trusted, trusted.dmarc) == (True, LIST, "fail")
    assert trusted.reason == "proven: ARC seal of list.test reports DKIM pass for example.test"


def test_a_chain_is_not_even_looked_at_where_the_author_is_proven_anyway(sealing: World) -> None:
    raw = seal(sealing, sealing.sign(), LIST, SAW_DKIM)
    assert sealing.verify(raw).arc == "none"
    assert sealing.verify(raw).aligned


@pytest.mark.parametrize(
    ("sealed_by", "trusted", "proven"),
    [
        ([(LIST, SAW_DKIM), ("google.test", "spf=none")], (LIST, "google.test"), True),
        ([(LIST, SAW_DKIM), ("google.test", "spf=none")], ("google.test",), False),
        ([(LIST, SAW_DKIM), ("google.test", "spf=none")], (LIST,), False),
        ([(EVIL, SAW_DKIM), (LIST, "spf=none")], (LIST,), False),
        ([(LIST, SAW_DKIM), (EVIL, "spf=none")], (LIST,), False),
        ([(EVIL, "spf=none"), (LIST, SAW_DKIM)], (LIST,), True),
        ([(LIST, "spf=pass smtp.mailfrom=x@evil.test")], (LIST,), False),
        ([(LIST, "dkim=fail header.d=example.test")], (LIST,), False),
        ([(LIST, "dmarc=pass header.from=example.test")], (LIST,), True),
        ([(LIST, "dmarc=pass header.from=mail.example.test")], (LIST,), False),
        ([(LIST, SAW_DKIM)], ("sub.list.test",), False),
        ([(LIST, SAW_DKIM)], ("LIST.test.",), True),
        ([(LIST, SAW_DKIM)], ("test",), False),
    ],
)
def test_a_report_counts_as_far_as_every_later_seal_is_trusted(
    sealing: World, sealed_by: list[tuple[str, str]], trusted: tuple[str, ...], proven: bool
) -> None:
    raw = MAIL
    for domain, said in sealed_by:
        raw = seal(sealing, raw, domain, said)
    results = sealing.verify(raw, sealers=trusted)
    assert results.arc == "pass"
    assert results.aligned is proven


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Ajuda", b"Subject: Pague"),
        (b"From: Ana", b"From: Bob"),
        (b"From: ", b"From: x@evil.test\r\nFrom: "),
        (b"n\xc3\xa3o", b"sim"),
        (b"header.d=example.test", b"header.d=outro.test"),
        (b"cv=none", b"cv=pass"),
        (b"cv=none", b"cv=fail"),
        (b"i=1; mx.", b"i=2; mx."),
        (b"ARC-Authentication-Results:", b"X-Gone:"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=1; h=from"),
    ],
)
def test_whatever_is_changed_after_the_seal_breaks_the_chain(sealing: World, old: bytes, new: bytes) -> None:
    raw = seal(sealing, MAIL, LIST, SAW_DKIM)
    assert old in raw
    results = sealing.verify(raw.replace(old, new, 1), sealers=(LIST,))
    assert (results.arc, results.aligned) == ("fail", False)


def test_a_seal_that_does_not_cover_the_whole_mail_speaks_for_nobody(sealing: World) -> None:
    whole = check_arc(split(seal(sealing, MAIL, LIST, SAW_DKIM)), DictResolver(sealing.zone))
    assert [one.domain for one in whole.believed((LIST,))] == [LIST]
    half = Arc("pass", LIST, whole.seals, covers=False)
    assert list(half.believed((LIST,))) == []


def test_dns_that_fails_leaves_a_chain_undecided(sealing: World) -> None:
    raw = seal(sealing, MAIL, LIST, SAW_DKIM)
    sealing.failing.add(f"s1._domainkey.{LIST}")
    results = sealing.verify(raw, sealers=(LIST,))
    assert (results.arc, results.arc_sealer, results.aligned) == ("temperror", LIST, False)


def test_long_chains_and_wide_fields_are_not_begun(sealing: World) -> None:
    field = b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=list.test; s=s1; b=AAAA\r\n"
    many = b"".join(field % number for number in range(1, 3 * SETS + 2)) + MAIL
    wide = seal(sealing, MAIL, LIST, SAW_DKIM).replace(b"ARC-Seal:", b"ARC-Seal:" + b" " * 7000)
    asked = DictResolver(sealing.zone)
    started = time.process_time()
    assert check_arc(split(many), asked).result == check_arc(split(wide), asked).result == "policy"
    assert asked.asked == []
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "field",
    [
        b"ARC-Seal:",
        b"ARC-Seal: i=1",
        b"ARC-Seal: i=99999999999999999999; a=; b=; cv=; d=; s=",
        b"ARC-Authentication-Results: i=1",
        b"ARC-Authentication-Results: header.i=1; x",
        b"ARC-Message-Signature: i=1; h=\xff",
        b"ARC-Seal: i=1; d=\xff\r\nARC-Message-Signature: i=1; d=\xff\r\nARC-Authentication-Results: i=1; \xff",
        b"ARC-Seal: " + b";" * 8000,
        b"ARC-Unknown: i=1",
    ],
)
def test_broken_chains_are_answered_and_prove_nothing(sealing: World, field: bytes) -> None:
    results = sealing.verify(field + b"\r\n" + MAIL, sealers=(LIST,))
    assert results.arc == ("none" if b"Unknown" in field else "fail")
    assert not results.aligned
