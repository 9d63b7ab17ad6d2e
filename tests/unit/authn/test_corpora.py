"""Mails and zones that other projects test with: every case agrees with its source, or the reason why not stands here.

Read from the folder that MAILGATE_CORPORA names; without it these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ruamel.yaml import YAML

from mailgate.authn.arc import check_arc
from mailgate.authn.dkim_check import check_dkim
from mailgate.authn.resolver import DictResolver
from mailgate.authn.results import AuthResults
from mailgate.authn.spf_check import check_spf
from mailgate.authn.verify import verify
from mailgate.authn.wire import split
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

CORPORA = os.environ.get("MAILGATE_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="MAILGATE_CORPORA names no folder of foreign test mails")

Zone = dict[str, dict[str, list[str]]]


def _folder(name: str) -> Path:
    return Path(CORPORA) / "auth" / name


# --- SPF: the RFC 7208 suite ----------------------------------------------------------------------------------------


def _spf_zone(data: dict[str, Any]) -> DictResolver:
    """Records of SPF type stand for TXT unless there is TXT too; TIMEOUT makes the name fail; CNAMEs are followed."""
    zone: Zone = {}
    failing: set[str] = set()
    aliases: dict[str, str] = {}
    for owner, entries in data.items():
        name = str(owner).lower().rstrip(".")
        types = {kind for entry in entries if isinstance(entry, dict) for kind in entry}
        for entry in entries:
            if entry == "TIMEOUT":
                failing.add(name)
                continue
            for kind, value in entry.items():
                if kind == "CNAME":
                    aliases[name] = str(value).lower().rstrip(".")
                elif value != "NONE" and not (kind == "SPF" and "TXT" in types):
                    text = "".join(value) if isinstance(value, list) and kind != "MX" else value
                    shown = " ".join(map(str, value)) if kind == "MX" else str(text)
                    zone.setdefault(name, {}).setdefault("TXT" if kind == "SPF" else kind, []).append(shown)
    for name, target in aliases.items():
        zone[name] = zone.get(target, {})
    # A name with records and a TIMEOUT fails for what it does not have; every such case asks for just that.
    return DictResolver(zone, {name for name in failing if name not in zone})


def test_spf_suite() -> None:
    disagree: dict[str, str] = {}
    total = 0
    for suite in YAML(typ="safe").load_all((_folder("spf-rfc7208") / "rfc7208-tests.yml").read_text("utf-8")):
        resolver = _spf_zone(suite["zonedata"])
        for name, case in suite["tests"].items():
            total += 1
            wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
            got = check_spf(case["host"], case["helo"], case["mailfrom"] or "", resolver).result
            if got not in wanted:
                disagree[name] = f"{got} instead of {wanted}"
    print(f"SPF: {total - len(disagree)} of {total} agree")
    assert disagree == {}


# --- DKIM -----------------------------------------------------------------------------------------------------------

DKIM_DIFFERENCES = {
    "09-limited_body": "a signature with l= shorter than the body proves nothing here",
    "001": "the author's signature does not survive the list's footer; the two of the list pass",
    "005": "it expired in 2022 (x=)",
}


def _chasquid_zone(path: Path) -> DictResolver:
    text = path.read_text() if path.exists() else ""
    zone: Zone = {}
    failing: set[str] = set()
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, value = line.partition(":")
        if value.strip() == "TEMPERROR":
            failing.add(name.lower())
        elif value.strip() and value.strip() != "PERMERROR":
            zone.setdefault(name.lower(), {}).setdefault("TXT", []).append(value.strip())
    return DictResolver(zone, failing)


def test_dkim_of_chasquid() -> None:
    disagree: dict[str, str] = {}
    cases = sorted(_folder("dkim-chasquid").glob("*.result"))
    for path in cases:
        expected = json.loads(path.read_text())
        raw = path.with_suffix(".msg").read_bytes()
        states = [state["State"] for state in expected["Results"] or []]
        results = check_dkim(split(raw), "", _chasquid_zone(path.with_suffix(".dns")))
        got = [{"pass": "SUCCESS", "temperror": "TEMPFAIL"}.get(one.result, "PERMFAIL") for one in results]
        if got != states:
            disagree[path.stem] = f"{[(one.result, one.note) for one in results]} instead of {states}"
    print(f"DKIM (chasquid): {len(cases) - len(disagree)} of {len(cases)} agree")
    assert {name: why for name, why in disagree.items() if name not in DKIM_DIFFERENCES} == {}


def test_dkim_of_stalwart() -> None:
    disagree: dict[str, str] = {}
    cases = sorted(_folder("dkim-stalwart").glob("0*.txt"))
    for path in cases:
        records, _, raw = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
        zone: Zone = {}
        for line in records.decode().splitlines():
            name, _, record = line.partition(" ")
            zone[name.lower().rstrip(".")] = {"TXT": [record]}
        results = check_dkim(split(raw), "", DictResolver(zone))
        if not results or any(one.result != "pass" for one in results):
            disagree[path.stem] = str([(one.domain, one.result, one.note) for one in results])
    print(f"DKIM (stalwart): {len(cases) - len(disagree)} of {len(cases)} agree")
    assert {name: why for name, why in disagree.items() if name not in DKIM_DIFFERENCES} == {}


#: A key of nobody: what fails by it alone has a good body hash. The keys of that source are in its own DNS.
OTHER_KEY = (
    "p="
    + base64.b64encode(
        rsa.generate_private_key(public_exponent=65537, key_size=1024)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
)

SPAMASSASSIN_DIFFERENCES = {
    "test-pass-01.msg": "SHA-1, which RFC 8301 §3.1 forbids",
}


def test_dkim_of_spamassassin() -> None:
    """Without its keys: bodies of good mails have the hash that was signed, and nothing passes by a strange key."""
    disagree: dict[str, str] = {}
    cases = sorted(_folder("dkim-spamassassin").glob("test-*.msg"))
    for path in cases:
        raw = path.read_bytes()
        names = {name: {"TXT": [OTHER_KEY]} for name in _key_names(raw)}
        results = check_dkim(split(raw), "", DictResolver(names))
        notes = {one.note for one in results}
        if any(one.result == "pass" for one in results):
            disagree[path.name] = f"{results} by a strange key"
        elif path.name.startswith("test-pass") and "the signature does not match" not in notes:
            disagree[path.name] = f"{notes} instead of a good body"
    print(f"DKIM (spamassassin): {len(cases) - len(disagree)} of {len(cases)} agree")
    assert {name: why for name, why in disagree.items() if name not in SPAMASSASSIN_DIFFERENCES} == {}


def _key_names(raw: bytes) -> set[str]:
    """The names of the keys of a mail's signatures."""
    head = re.sub(rb"\r?\n[ \t]+", b"", raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0])
    fields = re.findall(rb"(?im)^dkim-signature:(.*)$", head)
    tags = [dict(re.findall(rb"\b([ds])\s*=\s*([\w.-]+)", field)) for field in fields]
    return {f"{one[b's'].decode()}._domainkey.{one[b'd'].decode()}".lower() for one in tags if {b"s", b"d"} <= set(one)}


# --- ARC ------------------------------------------------------------------------------------------------------------


def _arc_cases() -> Iterator[tuple[str, str, bytes, DictResolver]]:
    """Name, expected result, mail and DNS. Two cases share a name, so that each gets its line number behind it."""
    lines = (_folder("arc") / "arc-draft-validation-tests.yml").read_text("utf-8").split("\n")
    text = "\n".join(re.sub(r"^  (\w+):$", rf"  \1_{number}:", line) for number, line in enumerate(lines))
    for suite in YAML(typ="safe").load_all(text):
        zone = {str(name).lower(): {"TXT": [str(text)]} for name, text in suite["txt-records"].items()}
        for name, case in suite["tests"].items():
            # No result stands for a chain whose seal says fail: RFC 8617 §5.2 step 2 calls that fail as well.
            yield name, str(case["cv"]).lower() or "fail", case["message"].encode(), DictResolver(zone)


def test_arc_suite() -> None:
    disagree: dict[str, str] = {}
    total = 0
    for name, wanted, raw, resolver in _arc_cases():
        total += 1
        got = check_arc(split(raw), resolver)
        if got.result != wanted:
            disagree[name] = f"{got} instead of {wanted}"
    print(f"ARC: {total - len(disagree)} of {total} agree")
    assert disagree == {}


# --- SPF, DKIM and DMARC together -----------------------------------------------------------------------------------

RSPAMD_DIFFERENCES = {
    "SPF FAIL UNRESOLVEABLE INCLUDE": "RFC 7208 §5.2: to include a domain without policy is permerror",
    "SPF ALLOW DNS REQUESTS AT LIMIT": "RFC 7208 §4.6.4 allows ten look-ups, that source thirty",
    "SPF EXTERNAL RELAY": "the relay in front is in that source's settings",
    "DKIM Accept Large Header List Below Limit": "the field is longer than we read: policy",
    "DKIM Unparseable Signatures Count Towards Limit": "the author's own signature is tried before the others",
    "DKIM Reject Oversized Key Record": "refused too, but called policy",
    "DKIM Reject Oversized Key Modulus": "refused too, but called policy",
}

SYMBOLS = {
    "R_SPF_ALLOW": ("spf", "pass"),
    "R_SPF_PLUSALL": ("spf", "pass"),
    "R_SPF_FAIL": ("spf", "fail"),
    "R_SPF_NA": ("spf", "none"),
    "R_SPF_DNSFAIL": ("spf", "temperror"),
    "R_SPF_PERMFAIL": ("spf", "permerror"),
    "R_DKIM_ALLOW": ("dkim", "pass"),
    "R_DKIM_REJECT": ("dkim", "fail"),
    "R_DKIM_NA": ("dkim", "none"),
    "R_DKIM_TEMPFAIL": ("dkim", "temperror"),
    "R_DKIM_PERMFAIL": ("dkim", "permerror"),
    "DMARC_POLICY_ALLOW": ("dmarc", "pass"),
    "DMARC_POLICY_REJECT": ("dmarc", "fail"),
    "DMARC_POLICY_QUARANTINE": ("dmarc", "fail"),
    "DMARC_POLICY_SOFTFAIL": ("dmarc", "fail"),
    "DMARC_DNSFAIL": ("dmarc", "temperror"),
    "DMARC_NA": ("dmarc", "none"),
}


def _rspamd_zone(entries: list[dict[str, Any]]) -> DictResolver:
    zone: Zone = {}
    failing: set[str] = set()
    for entry in entries:
        name = entry["name"].lower().rstrip(".")
        if entry.get("rcode") in ("timeout", "servfail"):
            failing.add(name)
        for reply in entry.get("replies", []):
            zone.setdefault(name, {}).setdefault(entry["type"], []).append(reply)
    return DictResolver(zone, failing)


def _rspamd_cases() -> Iterator[tuple[str, dict[str, Any], AuthResults]]:
    suites = json.loads((_folder("dmarc-rspamd") / "cases.json").read_text())
    for suite in suites.values():
        resolver = _rspamd_zone(suite["dns"])
        for case in suite["cases"]:
            raw = (_folder("dmarc-rspamd") / case["message"]).read_bytes()
            froms = message_from_bytes(raw, policy=policy.compat32).get_all("From", [])
            authors = getaddresses([str(value) for value in froms])
            yield (
                case["name"],
                case,
                verify(
                    raw,
                    peer=case.get("client_ip", ""),
                    helo=case.get("helo", ""),
                    mail_from=case.get("mail_from", "").strip("<>"),
                    author_domain=authors[0][1].rpartition("@")[2] if len(authors) == 1 else None,
                    headers_from_count=len(froms),
                    resolver=resolver,
                    trusted=(),
                ),
            )


def test_cases_of_rspamd() -> None:
    disagree: dict[str, str] = {}
    total = 0
    for name, case, results in _rspamd_cases():
        total += 1
        for wanted in case.get("expect", []):
            method, result = SYMBOLS[wanted]
            if getattr(results, method) != result:
                disagree[name] = f"{results} instead of {wanted}"
        for unwanted in case.get("expect_not", []):
            method, result = SYMBOLS[unwanted]
            if getattr(results, method) == result:
                disagree[name] = f"{results} is {unwanted}"
    print(f"SPF, DKIM, DMARC (rspamd): {total - len(disagree)} of {total} agree")
    assert {name: why for name, why in disagree.items() if name not in RSPAMD_DIFFERENCES} == {}


def test_dmarc_of_spamassassin() -> None:
    """By SPF alone, from the peer that the mail names: the signatures are SHA-1, and their keys are gone."""
    disagree: dict[str, str] = {}
    cases = sorted(_folder("dmarc-spamassassin").glob("*.eml"))
    for path in cases:
        raw = path.read_bytes()
        wanted = re.fullmatch(r"(strict)?(none|quar|reject|nodmarc)(ok|ko)?", path.stem)
        assert wanted is not None
        sender = re.search(rb"(?m)^Return-Path: <(.*)>", raw)
        peer = re.search(rb"\[(?:IPv6:)?([0-9a-f:.]+)\]", raw)
        author = getaddresses([str(message_from_bytes(raw, policy=policy.compat32)["From"])])[0][1].rpartition("@")[2]
        tags = {"none": "p=none", "quar": "p=quarantine", "reject": "p=reject", "nodmarc": ""}[wanted[2]]
        strict = "; adkim=s; aspf=s" if wanted[1] else ""
        zone: Zone = {f"_dmarc.{author}": {"TXT": [f"v=DMARC1; {tags}{strict}"] if tags else []}}
        if sender and peer:
            domain = sender[1].decode().rpartition("@")[2]
            zone[domain] = {"TXT": ["v=spf1 ip4:64.142.3.173 -all"]}
        got = verify(
            raw,
            peer=peer[1].decode() if peer else "",
            helo="",
            mail_from=sender[1].decode() if sender else "",
            author_domain=author,
            headers_from_count=1,
            resolver=DictResolver(zone),
            trusted=(),
        )
        if got.dmarc != {"ok": "pass", "ko": "fail", None: "none"}[wanted[3]]:
            disagree[path.stem] = str((sender, peer, author, got))
    print(f"DMARC (spamassassin): {len(cases) - len(disagree)} of {len(cases)} agree")
    assert disagree == {}


# --- reports --------------------------------------------------------------------------------------------------------


def test_reports_about_authentication_are_nobodys_word() -> None:
    """Abuse reports and DMARC aggregate reports: no tickets, no answers."""
    for folder in ("arf-stalwart", "dmarc-reports-stalwart"):
        for path in sorted(_folder(folder).glob("*.eml")):
            mail = read_mail(path.read_bytes(), MailLimits(), mail_from="", own_domains_ids=lambda message_id: False)
            assert (mail.screening.fine, mail.screening.may_answer) == ("feedback", False), path.name
