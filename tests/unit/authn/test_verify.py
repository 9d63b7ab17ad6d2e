"""Which mails prove their author, and what is said about those that do not."""

from __future__ import annotations

import base64
import hashlib
import time

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy

from mailgate.authn.domains import aligned, org_domain
from mailgate.authn.sign import Signer, _Pen
from tests.unit.authn.conftest import MAIL, World

OURS, EVIL = "192.0.2.1", "198.51.100.66"


# --- the spoof matrix: who may speak for ana@example.test -----------------------------------------------------------

SPOOFS = [
    # name, signed by, peer, envelope sender, A-R on top, From fields, proven
    ("nothing at all", None, EVIL, "ana@example.test", None, 1, False),
    ("SPF of another domain", None, EVIL, "x@evil.test", None, 1, False),
    ("DKIM of another domain", "evil.test", EVIL, "x@evil.test", None, 1, False),
    (
        "forged Authentication-Results",
        None,
        EVIL,
        "x@evil.test",
        b"mx.evil.test; dkim=pass header.d=example.test",
        1,
        False,
    ),
    ("own DKIM, but two From", "example.test", OURS, "ana@example.test", None, 2, False),
    ("own SPF", None, OURS, "ana@example.test", None, 1, True),
    ("own DKIM by a strange relay", "example.test", EVIL, "x@evil.test", None, 1, True),
    ("trusted Authentication-Results", None, "", "", b"mx.example.org; dkim=pass header.d=example.test", 1, True),
]


@pytest.mark.parametrize(
    ("signer", "peer", "sender", "report", "froms", "proven"),
    [pytest.param(*row[1:], id=row[0]) for row in SPOOFS],
)
def test_only_the_domain_itself_proves_its_author(
    world: World, signer: str | None, peer: str, sender: str, report: bytes | None, froms: int, proven: bool
) -> None:
    raw = world.sign(domain=signer) if signer else MAIL
    if report:
        raw = b"Authentication-Results: " + report + b"\r\n" + raw
    results = world.verify(raw, peer=peer, mail_from=sender, headers_from_count=froms, trusted=("mx.example.org",))
    assert results.aligned is proven
    assert results.reason.startswith("proven:" if proven else "not proven")
    assert "\n" not in results.reason


def test_an_author_that_nobody_can_name_is_never_proven(world: World) -> None:
    results = world.verify(world.sign(), peer=OURS, mail_from="ana@example.test", author_domain=None)
    assert (results.dkim, results.spf, results.aligned) == ("pass", "pass", False)


# --- DKIM -----------------------------------------------------------------------------------------------------------


def test_a_signature_says_domain_and_selector(world: World) -> None:
    results = world.verify(world.sign())
    assert (results.dkim, results.dkim_domain, results.dkim_selector) == ("pass", "example.test", "s1")
    assert (results.dmarc, results.dmarc_policy) == ("pass", "reject")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"n\xc3\xa3o", b"sim"),
        (b"Subject: Ajuda", b"Subject: Pague"),
        (b"Ana <ana@", b"Bob <bob@"),
        (b"Message-ID:", b"Reply-To: x@evil.test\r\nMessage-ID:"),
        (b"Message-ID:", b"Content-Type: text/html\r\nMessage-ID:"),
        (b"From: ", b"From: x@evil.test\r\nFrom: "),
    ],
    ids=["body", "subject", "author", "added reply-to", "added content-type", "second from"],
)
def test_whatever_is_changed_or_added_breaks_the_signature(world: World, old: bytes, new: bytes) -> None:
    signed = world.sign()
    signature, rest = signed[: -len(MAIL)], signed[-len(MAIL) :]
    assert world.verify(signature + rest.replace(old, new, 1)).dkim == "fail"


def test_white_space_that_relays_change_does_not_matter(world: World) -> None:
    changed = world.sign().replace(b"Subject: Ajuda", b"subject:   Ajuda ").replace(b"  consigo", b" \tconsigo")
    assert world.verify(changed + b"\r\n\r\n").dkim == "pass"
    assert world.verify(changed.replace(b"\r\n", b"\n")).dkim == "pass"


def _sign_with(
    signer: Signer, raw: bytes, extra: bytes, names: bytes = b"from", algorithm: bytes = b"rsa-sha256"
) -> bytes:
    """A valid signature of a kind our signer never makes, by dkimpy alone."""
    message = dkim.DKIM(raw, signature_algorithm=b"ed25519-sha256")
    message.hasher = hashlib.sha256
    digest = base64.b64encode(hashlib.sha256(message.body).digest())
    tags = b"v=1 a=%s c=simple/simple d=example.test s=s1 h=%s bh=%s" % (algorithm, names, digest)
    fields = [tuple(tag.split(b"=", 1)) for tag in tags.split() + extra.split()] + [(b"b", b"0" * 60)]
    policy = CanonicalizationPolicy.from_c_value(b"simple/simple")
    value = message.gen_header(fields, names.split(b":"), policy, b"DKIM-Signature", _Pen(signer._key))
    return b"DKIM-Signature: " + bytes(value) + raw


PLAIN = MAIL.rstrip() + b"\r\n"


def test_text_appended_behind_l_is_not_signed(world: World) -> None:
    length = b"l=%d" % len(PLAIN.partition(b"\r\n\r\n")[2])
    signed = _sign_with(world.signers["example.test"], PLAIN, length)
    assert world.verify(signed).dkim == "pass"
    results = world.verify(signed + b"Pague aqui: http://evil.test\r\n")
    assert (results.dkim, results.aligned) == ("policy", False)
    assert "l=" in results.reason


def test_a_signature_without_from_proves_no_author(world: World) -> None:
    signed = _sign_with(world.signers["example.test"], PLAIN, b"", names=b"subject")
    results = world.verify(signed)
    assert (results.dkim, results.aligned) == ("policy", False)


def test_sha1_and_short_keys_are_not_accepted(world: World) -> None:
    signed = _sign_with(world.signers["example.test"], PLAIN, b"", algorithm=b"rsa-sha1")
    assert world.verify(signed).dkim == "policy"

    short = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    der = short.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    world.zone["s1._domainkey.example.test"] = {"TXT": [f"p={base64.b64encode(der).decode()}"]}
    assert world.verify(world.sign()).dkim == "fail"  # 1024 bits are tried
    narrow = base64.b64encode(_narrow_key()).decode()
    world.zone["s1._domainkey.example.test"] = {"TXT": [f"p={narrow}"]}
    assert world.verify(world.sign()).dkim == "policy"


def _narrow_key() -> bytes:
    """An RSAPublicKey of 768 bits in DER; no library makes one any more."""
    modulus = b"\x02\x61\x00" + b"\xc5" * 96
    exponent = b"\x02\x03\x01\x00\x01"
    return b"\x30" + bytes([len(modulus + exponent)]) + modulus + exponent


@pytest.mark.parametrize(
    ("record", "result"),
    [
        (None, "permerror"),
        ("v=DKIM1; k=rsa; p=", "permerror"),
        ("v=DKIM1; k=rsa; p=AAAA", "permerror"),
        ("v=DKIM1; k=quantum; p=AAAA", "permerror"),
        ("v=DKIM2; p=AAAA", "permerror"),
        ("hello", "permerror"),
        ("{record}; h=sha1", "permerror"),
        ("{record}; s=tlsrpt", "permerror"),
        ("{record}; t=s:y", "pass"),
        ("{record}; n=note", "pass"),
    ],
)
def test_what_the_key_record_says_is_obeyed(world: World, record: str | None, result: str) -> None:
    name = "s1._domainkey.example.test"
    good = world.zone[name]["TXT"][0]
    world.zone[name] = {"TXT": [record.format(record=good)] if record else []}
    assert world.verify(world.sign()).dkim == result


def test_one_good_signature_among_many_is_found_and_not_more_than_five_are_tried(world: World) -> None:
    others = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=x%d.test; s=a; h=from; bh=AAAA; b=AAAA\r\n" % n for n in range(7)
    )
    assert world.verify(others + world.sign()).aligned, "the author's own domain is tried first"
    unrelated = world.verify(others + world.sign(domain="evil.test"))
    assert unrelated.dkim != "pass"


def test_spaces_by_the_thousand_do_not_keep_the_processor(world: World) -> None:
    heavy = world.sign(MAIL + (b" " * 60_000 + b"x\r\n") * 20)
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=s1; h=from; bh=AAAA; b=A%s!\r\n"
    started = time.process_time()
    assert world.verify(heavy).dkim == "pass"
    for white in (b" " * 7900, b"\r\n " * 2600):
        assert world.verify(field % white * 5 + MAIL).dkim == "policy"
    assert time.process_time() - started < 0.8


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\x00\xff",
        b" folded first\r\nFrom: a@example.test\r\n\r\nx",
        b"DKIM-Signature:\r\n\r\nx",
        b"DKIM-Signature: v=1; a=; d=; s=; h=; bh=; b=\r\n\r\nx",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=\xff.test; s=s1; h=from; bh=AAAA; b=AAAA; i=@\r\n\r\nx",
        b"DKIM-Signature: " + b";" * 100_000 + b"\r\n\r\nx",
        b"no colon here\r\nDKIM-Signature: v=1\r\n\r\n",
        b"Authentication-Results: mx.example.org; " + b"(" * 5000 + b"\r\n\r\n",
        b'Authentication-Results: mx.example.org; dkim=pass header.d="\r\n\r\n',
    ],
)
def test_broken_mails_are_answered_and_prove_nothing(world: World, raw: bytes) -> None:
    assert not world.verify(raw, peer="not an address", mail_from="@@", trusted=("mx.example.org",)).aligned


# --- SPF ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "sender", "helo", "spf", "proven"),
    [
        (OURS, "ana@example.test", "x", "pass", True),
        (OURS, "bounce@mail.example.test", "x", "pass", True),
        (EVIL, "ana@example.test", "x", "fail", False),
        (EVIL, "ana@mail.example.test", "x", "softfail", False),
        (EVIL, "x@evil.test", "x", "pass", False),
        (EVIL, "x@silent.test", "x", "none", False),
        (OURS, "", "mail.example.test", "pass", True),
        (EVIL, "", "mail.example.test", "softfail", False),
        ("::ffff:192.0.2.1", "ana@example.test", "x", "pass", True),
        ("2001:db8::1", "ana@example.test", "x", "fail", False),
        ("", "ana@example.test", "x", "none", False),
        (OURS, "ana@[192.0.2.1]", "x", "none", False),
    ],
)
def test_spf_of_the_envelope(world: World, peer: str, sender: str, helo: str, spf: str, proven: bool) -> None:
    results = world.verify(peer=peer, mail_from=sender, helo=helo)
    assert (results.spf, results.aligned) == (spf, proven)


def test_spf_through_include_mx_a_and_macros(world: World) -> None:
    world.zone["example.test"] = {"TXT": ["v=spf1 include:_in.test mx a:w.test exists:%{ir}.ok.test -all"]}
    world.zone["example.test"]["MX"] = ["10 mx.test."]
    world.zone |= {
        "_in.test": {"TXT": ["v=spf1 ip4:203.0.113.1 ip6:2001:db8::/32 -all"]},
        "mx.test": {"A": ["203.0.113.2"]},
        "w.test": {"A": ["203.0.113.3"]},
        "4.113.0.203.ok.test": {"A": ["127.0.0.2"]},
    }
    peers = [f"203.0.113.{n}" for n in range(1, 6)] + ["2001:db8::9"]
    verdicts = [world.verify(peer=peer, mail_from="a@example.test").spf for peer in peers]
    assert verdicts == ["pass", "pass", "pass", "pass", "fail", "pass"]


def test_spf_that_never_ends_is_a_mistake_of_its_owner(world: World) -> None:
    world.zone["example.test"] = {"TXT": ["v=spf1 include:example.test -all"]}
    assert world.verify(peer=OURS, mail_from="a@example.test").spf == "permerror"


# --- DNS that does not answer ---------------------------------------------------------------------------------------


def test_dns_failing_is_doubt_and_not_a_verdict(world: World) -> None:
    signed = world.sign()
    world.failing |= {"s1._domainkey.example.test", "example.test"}
    results = world.verify(signed, peer=EVIL, mail_from="ana@example.test")
    assert (results.spf, results.dkim, results.dmarc, results.aligned) == ("temperror", "temperror", "temperror", False)


def test_doubt_about_another_domain_does_not_keep_dmarc_open(world: World) -> None:
    world.failing |= {"s1._domainkey.evil.test"}
    results = world.verify(world.sign(domain="evil.test"), peer=EVIL, mail_from="ana@example.test")
    assert (results.spf, results.dkim, results.dmarc) == ("fail", "temperror", "fail")


def test_without_the_dmarc_record_only_the_very_domain_is_believed(world: World) -> None:
    world.failing |= {"_dmarc.example.test"}
    exact = world.verify(world.sign())
    assert (exact.dmarc, exact.aligned) == ("temperror", True)
    assert not world.verify(world.sign(domain="mail.example.test")).aligned, "the record might say strict"


# --- DMARC ----------------------------------------------------------------------------------------------------------


def test_a_subdomain_speaks_for_its_organisation_unless_the_record_is_strict(world: World) -> None:
    by_subdomain = world.sign(domain="mail.example.test")
    assert world.verify(by_subdomain).aligned
    world.zone["_dmarc.example.test"] = {"TXT": ["v=DMARC1; p=none; adkim=s; aspf=s"]}
    strict = world.verify(by_subdomain, peer=OURS, mail_from="x@mail.example.test")
    assert (strict.spf, strict.dkim, strict.dmarc, strict.aligned) == ("pass", "pass", "fail", False)


def test_the_record_of_the_organisation_holds_for_its_subdomains(world: World) -> None:
    results = world.verify(author_domain="news.mail.example.test")
    assert (results.dmarc, results.dmarc_policy) == ("fail", "quarantine")
    world.zone["_dmarc.news.mail.example.test"] = {"TXT": ["v=DMARC1; p=none"]}
    assert world.verify(author_domain="news.mail.example.test").dmarc_policy == "none"


@pytest.mark.parametrize(
    "records",
    [
        [],
        ["v=spf1 -all"],
        ["v=DMARC1; p=reject", "v=DMARC1; p=none"],
        ["p=reject; v=DMARC1"],
        ["v=dmarc1; p=reject"],
        ["v=DMARC1; p=maybe"],
        ["v=DMARC1"],
    ],
)
def test_what_is_no_dmarc_record(world: World, records: list[str]) -> None:
    world.zone["_dmarc.example.test"] = {"TXT": records}
    assert world.verify().dmarc == "none"


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("example.com", "example.com"),
        ("a.b.Example.COM.", "example.com"),
        ("mail.banco.com.br", "banco.com.br"),
        ("com.br", "com.br"),
        ("a.example.test", "example.test"),
        ("test", "test"),
        ("x.city.kobe.jp", "city.kobe.jp"),
        ("x.other.kobe.jp", "x.other.kobe.jp"),
        ("www.ck", "www.ck"),
        ("a.b.ck", "a.b.ck"),
        ("joe.github.io", "joe.github.io"),
        ("mail.amazonaws.com", "amazonaws.com"),
        ("", ""),
    ],
)
def test_organisational_domains(domain: str, organisation: str) -> None:
    assert org_domain(domain) == organisation


def test_a_common_suffix_is_not_an_organisation() -> None:
    assert aligned("mail.a.com.br", "a.com.br", strict=False)
    assert not aligned("a.com.br", "b.com.br", strict=False)
    assert not aligned("com.br", "b.com.br", strict=False)
    assert not aligned("evil.test", "example.test", strict=False)
    assert not aligned("notexample.test", "example.test", strict=False)
    assert not aligned("", "", strict=False)


# --- Authentication-Results -----------------------------------------------------------------------------------------

MX = "mx.example.org"


def _with_reports(*values: str) -> bytes:
    return b"".join(f"Authentication-Results: {value}\r\n".encode() for value in values) + MAIL


@pytest.mark.parametrize(
    ("values", "proven"),
    [
        ([f"{MX}; dkim=pass header.d=example.test"], True),
        ([f"{MX}; dkim=pass (2048-bit key)\r\n\theader.i=@mail.example.test header.s=s1"], True),
        ([f"{MX}; spf=pass (ok) smtp.mailfrom=ana@example.test"], True),
        ([f"{MX}; dmarc=pass (p=NONE) header.from=example.test"], True),
        (["MX.Example.ORG 1; spf=fail smtp.mailfrom=x@evil.test; dkim=pass header.d=example.test"], True),
        ([f"{MX}; spf=pass smtp.mail=ana@example.test"], True),
        (
            [f"{MX}; dkim=pass header.i=@example.test header.s=s1;\r\n dmarc=pass(p=NONE) header.from=example.test; "],
            True,
        ),
        (
            [f"{MX} 1; dmarc=pass (p=none pct=100) action=none\r\n header.from=example.test; compauth=pass reason=100"],
            True,
        ),
        ([f"{MX}; dmarc=pass header.from=mail.example.test"], False),
        ([f"{MX}; dkim=pass header.d=evil.test; spf=pass smtp.mailfrom=evil.test"], False),
        ([f"{MX}; dkim=fail header.d=example.test"], False),
        ([f"{MX}; none"], False),
        ([f"{MX}; spf=none (dkim=pass header.d=example.test) smtp.mailfrom=x"], False),
        ([f'{MX}; spf=pass smtp.mailfrom="x; dkim=pass header.d=example.test"@evil.test'], False),
        ([f"{MX}.evil.test; dkim=pass header.d=example.test"], False),
        (["dkim=pass header.d=example.test"], False),
        (["mx.evil.test; dkim=pass header.d=example.test"], False),
        (["mx.evil.test; none", f"{MX}; dkim=pass header.d=example.test"], True),
        ([f"{MX}; dkim=fail header.d=example.test", f"{MX}; dkim=pass header.d=example.test"], False),
        ([f"{MX}; none", f"{MX}; dmarc=pass header.from=example.test"], False),
        ([f"{MX}; !!", f"{MX}; dmarc=pass header.from=example.test"], False),
    ],
)
def test_only_the_topmost_report_of_a_trusted_server_counts(world: World, values: list[str], proven: bool) -> None:
    results = world.verify(_with_reports(*values), trusted=("other.example.org", MX))
    assert results.aligned is proven
    assert results.trusted == (MX if proven else "")


def test_a_report_counts_neither_unconfigured_nor_over_a_strange_hop(world: World) -> None:
    raw = _with_reports(f"{MX}; dkim=pass header.d=example.test")
    assert not world.verify(raw).aligned
    assert not world.verify(raw, trusted=(MX,), trusted_hop=False).aligned
    assert not world.verify(b"\r\n" + raw, trusted=(MX,)).aligned, "a field in the body is text"
    assert not world.verify(raw, trusted=(MX,), headers_from_count=2).aligned


def test_a_report_fills_in_what_cannot_be_checked_here(world: World) -> None:
    raw = _with_reports(f"{MX}; spf=pass smtp.mailfrom=ana@example.test; dmarc=pass header.from=example.test")
    results = world.verify(raw, trusted=(MX,))
    assert (results.spf, results.spf_domain, results.dmarc, results.trusted) == ("pass", "example.test", "pass", MX)
    assert results.reason == "proven: mx.example.org reports SPF pass for example.test"
