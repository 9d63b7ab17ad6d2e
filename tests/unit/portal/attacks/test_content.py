"""Words, names and files that want to be more than that, on every page, in every list, table and mail (C1 to C8, T13).

Every page is read as a browser reads it: nothing runs, nothing comes from elsewhere, and no policy lets it.
"""

from __future__ import annotations

import csv
import io
import json
import re

import httpx
import pytest
from sqlalchemy import select

from mailgate.flows import directory
from store import people
from store.tables import OUTBOX, TICKET
from tests.house import SUPPORT, plain_mail, png
from tests.unit.portal.attacks.town import ANA, LIA, Town, methods_of, params
from tests.unit.portal.conftest import form_fields
from tests.unit.portal.test_pages import assert_harmless

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7919*7907}}${7919*7907}"
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://evil.test")')
FILES: tuple[tuple[str, bytes, str], ...] = (
    ("pagina.html", b"<script>alert(1)</script>", "text/html"),
    ("desenho.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
    ("falsa.png", b"<html><script>alert(1)</script>", "image/png"),
    ("gif.js", b"GIF89a=1;alert(1)//", "application/javascript"),
    ("foto.png", png(8, 8), "text/html"),
    ("../../etc/passwd", b"x", "text/plain"),
    ("..\\..\\x.bat", b"x", "application/x-msdownload"),
    ("\u202egnp.exe", b"MZ", "application/octet-stream"),
    ('a"; filename="b.html', b"x", "text/plain"),
    (".htaccess", b"x", "text/plain"),
    ("x" * 400 + ".txt", b"x", "text/plain"),
    ("a.xhtml", b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "application/xhtml+xml"),
    ("doc.pdf", b"%PDF-1.4\n<script>alert(1)</script>", "application/pdf"),
)  # fmt: skip
_SAFE = {"application/octet-stream", "application/pdf", "application/zip", "text/plain", "text/csv", "message/rfc822"}


@pytest.fixture(scope="module")
def hostile(town: Town) -> Town:
    """Names, subjects, companies and branches are attacks."""
    site = town.house.site
    with site.writer.database.read() as connection:
        found = people.contact_by_address(connection, LIA[1])
        assert found is not None
        organisation = found.organisation_id
    site.writer.call(lambda c: people.change_contact(c, found.id, name=EVIL))
    site.writer.call(lambda c: people.change_organisation(c, organisation, name=EVIL))
    with site.writer.database.read() as connection:
        branch = people.branches(connection, [organisation])[0]
    site.writer.call(lambda c: people.change_branch(c, branch.id, name=EVIL))
    town.house.receive(plain_mail(("Lia", LIA[1]), SUPPORT, EVIL, f"{EVIL} texto", html=f"<p onclick=x>{EVIL}</p>"))
    for number, formula in enumerate(FORMULAS):
        address = f"f{number}@cliente.test"
        directory.put(site, "contact", {"address": address, "organisation": "Outra"})
        with site.writer.database.read() as connection:
            one = people.contact_by_address(connection, address)
        assert one is not None
        site.writer.call(
            lambda c, i=one.id, n=formula: people.change_contact(c, i, name=n, organisation_id=organisation)
        )
        town.house.receive(plain_mail(("F", address), SUPPORT, formula, "texto"))
    with site.writer.database.read() as connection:
        ana = people.contact_by_address(connection, ANA[1])
    assert ana is not None
    site.writer.call(lambda c: people.change_contact(c, ana.id, role="sub_admin"))
    return town


def policy_of(answer: httpx.Response) -> dict[str, set[str]]:
    parts = (one.split() for one in answer.headers["content-security-policy"].split(";"))
    return {one[0]: set(one[1:]) for one in parts if one}


@pytest.mark.parametrize("who", ["ana", "bruno", "lia", "link"])
def test_no_page_runs_what_somebody_wrote(hostile: Town, who: str) -> None:
    key = _key_of(hostile, EVIL)
    pages = [route.path for route in hostile.routes if "GET" in methods_of(route) and not params(route)]
    pages += [f"/tickets/{key}", f"/tickets/{key}?all", f"/tickets/{key}/why", "/tickets/SUP-2"]
    pages += ["/requests?scope=all", "/requests?scope=all&q=script", "/queue?tab=unassigned", "/queue?tab=held"]
    pages += [
        "/organisation?q=script",
        "/knowledge?q=" + "%3Cscript%3Ealert(1)%3C/script%3E",
        "/statistics?period=year",
    ]
    pages += ["/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", f"/queue/held/{hostile.olgas['held']}"]
    seen = 0
    for path in pages:
        answer = hostile.ask(who, "GET", path)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert_harmless(answer.text)
        policy = policy_of(answer)
        assert policy["default-src"] == {"'none'"}, path
        assert policy["script-src"] <= {"'self'", "'none'"}, path
        assert policy["frame-ancestors"] <= {"'none'"}, path
        assert {"base-uri", "form-action"} <= set(policy), path
        assert not any(
            "unsafe" in word or "*" in word or "data:" in word for words in policy.values() for word in words
        )
        assert answer.headers["x-frame-options"] == "DENY", path
        seen += "alert(1)" in answer.text
        assert str(7919 * 7907) not in answer.text, path
    assert seen >= (3 if who in ("ana", "bruno") else 0), "the attack is shown, as text"


def _key_of(town: Town, subject: str) -> str:
    with town.house.site.writer.database.read() as connection:
        rows = connection.execute(select(TICKET.c.key).where(TICKET.c.subject.contains("7919"))).scalars()
        return str(next(iter(rows)))


def test_a_mail_as_it_was_sent_is_locked_in_its_frame(hostile: Town) -> None:
    key = _key_of(hostile, EVIL)
    page = hostile.ask("bruno", "GET", f"/tickets/{key}").text
    comment = re.findall(rf"/tickets/{key}/comments/(\d+)", page)[0]
    answer = hostile.ask("bruno", "GET", f"/tickets/{key}/comments/{comment}/original")
    assert_harmless(answer.text)
    policy = policy_of(answer)
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-forms" not in policy["sandbox"]
    assert "allow-top-navigation" not in policy["sandbox"]
    assert policy["default-src"] == {"'none'"}
    assert policy["img-src"] == {"'self'"}
    assert policy["frame-ancestors"] == {"'self'"}
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_uploads_come_back_harmless(hostile: Town) -> None:
    """HTML, SVG, two things in one, names that are paths: saved, not shown, under their bytes' own type."""
    ana = hostile.browsers["ana"]
    fields = form_fields(ana.get("/tickets/SUP-2").text)
    parts = [("files", (name, content, kind)) for name, content, kind in FILES]
    done = ana.post("/tickets/SUP-2/comments", data={**fields, "text": "arquivos"}, files=parts)
    assert done.status_code == 303, done.text[-2000:]
    page = ana.get("/tickets/SUP-2").text
    assert_harmless(page)
    addresses = list(dict.fromkeys(re.findall(r'"(/tickets/SUP-2/files/[^"]+)"', page)))
    assert len(addresses) >= len(FILES) - 1
    for address in addresses:
        answer = hostile.ask("ana", "GET", address)
        kind = answer.headers["content-type"].partition(";")[0]
        shown = answer.headers["content-disposition"].startswith("inline")
        assert shown == kind.startswith("image/"), (address, kind)
        assert kind in _SAFE or (kind in {"image/png", "image/gif"} and answer.content[:3] in (b"\x89PN", b"GIF")), kind
        assert policy_of(answer).keys() >= {"sandbox", "default-src"}
        assert "allow-scripts" not in answer.headers["content-security-policy"]
        name = answer.headers["content-disposition"]
        assert not re.search(r"[\\/\x00-\x1f\u202e]|\.\.", name.partition("filename*")[0].replace("/ ", "")), name
        assert len(name) < 900
        assert 'b.html"' not in name or '\\"' not in name


def test_tables_hold_no_formula(hostile: Town) -> None:
    """Every CSV that there is: a cell that a spreadsheet would calculate begins with an apostrophe (C8)."""
    tables = [route.path for route in hostile.routes if route.path.endswith(".csv")]
    assert "/statistics.csv" in tables
    for path in tables:
        for query in ("", "?scope=all", "?period=year"):
            answer = hostile.ask("ana", "GET", path + query)
            assert answer.status_code == 200, path
            assert answer.headers["content-disposition"].startswith("attachment")
            text = answer.text.lstrip("\ufeff")
            for row in csv.reader(io.StringIO(text), delimiter=";" if ";" in text.partition("\n")[0] else ","):
                for cell in row:
                    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or cell == "-", (path, cell)


def test_mails_hold_it_as_text(hostile: Town) -> None:
    """What leaves in our name: no line more in a head, no tag in HTML (C2, M8)."""
    with hostile.house.site.writer.database.read() as connection:
        bodies = [row.body for row in connection.execute(select(OUTBOX)) if row.body]
    assert bodies
    for body in bodies:
        told = json.loads(body)
        assert "\n" not in str(told.get("subject", "")).strip()


def test_the_manifest_and_the_suggestions_are_data(hostile: Town) -> None:
    for path in ("/manifest.webmanifest", "/knowledge/suggest?q=%3Cscript%3E"):
        answer = hostile.ask("nobody", "GET", path)
        assert "json" in answer.headers["content-type"]
        assert isinstance(answer.json(), dict)
        assert "<script" not in answer.text
