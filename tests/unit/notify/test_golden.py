"""Every notice in every language, as it leaves; and what is true of all of them."""

from __future__ import annotations

import json
import os
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from mailgate.notify.compose import Composer
from mailgate.notify.views import NoticeView
from store.vocabulary import Notice
from tests.unit.notify.facts import GOLDEN, composer, read

CASES = sorted(path.parent for path in GOLDEN.glob("*/facts.yaml"))
LANGUAGES = ("pt-BR", "en", "es")
#: About no ticket, or not to be answered.
UNANSWERABLE = {
    Notice.N20, Notice.CONFIRM, Notice.ACK_DIGEST, Notice.N3, Notice.N14, Notice.N16, Notice.N17, Notice.N18,
    Notice.AGENT_DIGEST, Notice.HELD_DIGEST, Notice.WEEKLY, Notice.LOGIN, Notice.ACCOUNT, Notice.AUDIT,
    Notice.ALARM,
}  # fmt: skip
OF_A_TICKET = ("n1", "n2", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13", "n15", "n19")
SHOWN_HEADERS = (
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Language",
    "X-Mailgate-Ticket", "X-Mailgate-Status",
)  # fmt: skip


@pytest.fixture(scope="module")
def ours() -> Composer:
    return composer()


@pytest.fixture(params=CASES, ids=lambda path: path.name)
def case(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def parsed(raw: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def as_shown(mail: EmailMessage) -> str:
    """Header and plain text as a person reads them, then the parts that travel along."""
    header = "".join(f"{name}: {mail[name]}\n" for name in SHOWN_HEADERS if mail[name])
    files = [part for part in mail.walk() if part.get_content_disposition()]
    listed = "".join(
        f"[{p.get_content_disposition()} {p.get_content_type()} {p.get_filename()} {p['Content-ID'] or ''}]\n"
        for p in files
    )
    return f"{header}\n{body(mail, 'plain')}{listed}"


def test_every_notice_has_a_case_in_every_language() -> None:
    names = {path.name for path in CASES}
    assert not [f"{n.lower()}-{lang}" for n in Notice for lang in LANGUAGES if f"{n.lower()}-{lang}" not in names]


def test_as_expected(ours: Composer, case: Path) -> None:
    view, head = read(case)
    mail = parsed(ours.render(view, head))
    actual = {"expect.txt": as_shown(mail)}
    if case.name.endswith("-pt-BR"):
        actual["expect.html"] = body(mail, "html")
    for name, text in actual.items():
        path = case / name
        if os.environ.get("MAILGATE_UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path} differs"


def test_the_same_facts_are_the_same_bytes(ours: Composer, case: Path) -> None:
    view, head = read(case)
    raw = ours.render(view, head)
    assert raw == ours.render(view, head)
    assert raw.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_the_text_reads_well(ours: Composer, case: Path) -> None:
    view, head = read(case)
    text = body(parsed(ours.render(view, head)), "plain")
    long = [line for line in text.split("\n") if len(line) > 76 and " " in line.strip("> ")]
    assert not long
    assert "\n\n\n" not in text
    assert "{" not in text
    assert not re.search(r"\bNone\b|Undefined|  \(|&\w+;", text)


def test_page_says_what_the_text_says(ours: Composer, case: Path) -> None:
    view, head = read(case)
    mail = parsed(ours.render(view, head))
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", body(mail, "html"), flags=re.DOTALL)
    words = set(re.findall(r"\w+", unescape(page))) | set(re.findall(r"\w+", body(mail, "html")))
    missing = [w for w in re.findall(r"\w+", body(mail, "plain")) if w not in words and w != "escreveu"]
    assert not [w for w in missing if w not in _wrote_words(view)]


def _wrote_words(view: NoticeView) -> set[str]:
    """`Bruno wrote:` stands in the text only; the page shows it by its looks."""
    return {"pt-BR": {"escreveu"}, "en": {"wrote"}, "es": {"escribió"}}[view.language]


def test_a_page_that_any_client_can_show(ours: Composer, case: Path) -> None:
    """C1, T3: no script, no handler, nothing fetched, every link ours; and lang, roles and size as they should be."""
    view, head = read(case)
    html = body(parsed(ours.render(view, head)), "html")
    assert len(html.encode()) < 100_000
    root = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert root.get("lang") == view.language
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag == "script":  # data for the client (schema.org), nothing that runs
            assert element.get("type") == "application/ld+json"
            json.loads("".join(element.itertext()))
        assert element.tag not in {"iframe", "object", "embed", "form", "link", "base", "svg", "video"}
        assert not [name for name in element.attrib if str(name).lower().startswith("on")]
        if element.tag == "table":
            assert element.get("role") == "presentation"
        if element.tag == "a":
            href = str(element.get("href"))
            assert href.startswith(("https://atende.example.test/", "https://example.test", "mailto:suporte%2B"))
        if element.tag == "img":
            assert element.get("alt") is not None
            assert str(element.get("src")).startswith("cid:")
    assert "url(" not in html
    assert "position:" not in html


def test_only_answerable_mail_begins_with_the_marker(ours: Composer, case: Path) -> None:
    view, head = read(case)
    mail = parsed(ours.render(view, head))
    first = body(mail, "plain").split("\n")[0]
    unanswerable = view.notice in UNANSWERABLE
    assert first.startswith("--- ") != unanswerable
    if not unanswerable:
        page = "".join(_body_of(body(mail, "html")).itertext()).strip()
        assert page.startswith(first)


def _body_of(html: str) -> Element:
    html = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    found: Element | None = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False).find("body")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name", ["n1", "n2", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13", "n15", "n19"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_seeds_demand_is_there(ours: Composer, name: str, language: str) -> None:
    """1.L, R113: key, status, agent, due date and link, in the text and in the page; no date for what is done."""
    view, head = read(GOLDEN / f"{name}-{language}")
    mail = parsed(ours.render(view, head))
    nobody = {"pt-BR": "ainda não definido", "en": "not assigned yet", "es": "todavía sin asignar"}[language]
    due = "24 Nov 2026" if language == "en" else "24 de nov"
    for face in ("plain", "html"):
        shown = body(mail, face)
        dated = (due, "18:00") if view.due_at is not None else ()
        for wanted in (view.key, view.status, view.agent or nobody, *dated, view.link):
            assert wanted in shown
