"""What a stranger wrote is only ever words: not a header, not markup, not a template, not an acknowledgement."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import html5lib
import pytest

from mailgate.errors import ConfigError
from mailgate.i18n import Translations
from mailgate.notify.compose import Composer
from mailgate.notify.views import CommentView, FileView, NoticeView
from mailgate.resources import data_folder
from store.vocabulary import Notice
from tests.unit.notify.facts import GOLDEN, composer, read

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
NASTY = [
    "x\r\nBcc: victim@x.test",
    "x\nContent-Type: text/html\n\n<b>hi</b>",
    "x\r\n\r\nbody",
    "x\u2028Bcc: victim@x.test",
    "x\x0bBcc: victim@x.test",
    "=?utf-8?Q?x=0D=0ABcc:_victim@x.test?=",
    "Ana <victim@x.test>, Bob",
    '"><script>alert(1)</script>',
    "{{7*7}}{% for x in range(10) %}",
    "{key.__class__} {0}",
    "\u202egnp.exe",
]


def parsed(raw: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)


def everywhere(view: NoticeView, words: str) -> NoticeView:
    """The view with `words` in every place that a stranger can fill."""
    comment = CommentView(
        words, "a@x.test", "customer", NOW, words, None, (FileView(words, 10, "text/plain", b"hi"),), False
    )
    return replace(
        view,
        subject=words,
        recipient_name=words,
        organisation=words,
        requester_name=words,
        problem=words,
        participants=(words,),
        comment=comment,
        previous=comment,
    )


@pytest.mark.parametrize("words", NASTY)
@pytest.mark.parametrize("name", ["n1", "n5", "n11_agent", "n19", "n20", "confirm", "command_error", "delivery_failed"])
def test_words_stay_words(name: str, words: str) -> None:
    """M8, C2, C7: in the subject, the names, the file's name and the text."""
    view, head = read(GOLDEN / f"{name}-pt-BR")
    view = everywhere(view, words)
    composing = composer()
    head = replace(head, subject=composing.subject(view), to_name=words, from_name=f"{words} (Exemplo)")
    raw = composing.render(view, head)
    mail = parsed(raw)
    assert mail["Bcc"] is None
    for name_ in ("Subject", "To", "From", "Content-Type", "Message-ID"):
        assert len(mail.get_all(name_, [])) == 1
    assert [a.addr_spec for a in mail["To"].addresses] == [head.to_address]
    assert [a.addr_spec for a in mail["From"].addresses] == [head.from_address]
    page = mail.get_body(("html",))
    assert page is not None
    html = page.get_content()
    root = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert not [one for one in root.iter("script") if one.get("type") != "application/ld+json"]
    assert "7*7" not in words or ("7*7" in html and "49" not in re.sub(r"#\w+|\d+px", "", html))
    for part in mail.iter_attachments():
        assert part["Bcc"] is None
        assert "\n" not in (part.get_filename() or "")


@pytest.mark.parametrize("language", ["pt-BR", "en", "es"])
def test_a_stranger_gets_none_of_his_own_words(language: str) -> None:
    """R10: not the name, not the subject, not the text, whatever the caller put into view and head."""
    view, head = read(GOLDEN / f"n1_unverified-{language}")
    secret = "Xyzzy"
    # `problem` of an acknowledgement are the lines of our own form (`decide.formmail`).
    view = replace(everywhere(view, f"{secret} http://evil.test"), verified=False, problem="")
    head = replace(head, subject=f"Re: {secret} [SUP-123]", to_name=secret)
    mail = parsed(composer().render(view, head))
    assert secret not in str(mail["Subject"])
    assert view.key in str(mail["Subject"])
    assert mail["To"].addresses[0].display_name == ""
    for face in ("plain", "html"):
        part = mail.get_body((face,))
        assert part is not None
        assert secret not in part.get_content()
        assert "evil.test" not in part.get_content()
    assert list(mail.iter_attachments()) == []


def test_a_template_of_the_company_cannot_leak_it_either(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "n1_unverified.txt").write_text("Olá {{ view.recipient_name }}: {{ view.subject }}!")
    templates = data_folder("templates")
    own = Composer(templates, Translations.load(templates / "translations"), tmp_path)
    view, _ = read(GOLDEN / "n1_unverified-pt-BR")
    assert own.bodies(everywhere(view, "Xyzzy")).text == "Olá : !\n"


def test_a_broken_template_of_the_company_never_stops_a_mail(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "n5.txt").write_text("{{ view.nothing_of_that_name }}")
    (tmp_path / "mail" / "n5.html").write_text("{{ view.subject.__class__.__mro__ }}")
    templates = data_folder("templates")
    own = Composer(templates, Translations.load(templates / "translations"), tmp_path)
    view, _ = read(GOLDEN / "n5-pt-BR")
    assert own.bodies(view) == composer().bodies(view)


def test_templates_that_do_not_compile_are_named_at_start(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "n5.txt").write_text("one\n{% if %}")
    templates = data_folder("templates")
    with pytest.raises(ConfigError) as caught:
        Composer(templates, Translations.load(templates / "translations"), tmp_path)
    assert f"{tmp_path}/mail/n5.txt:2:1:" in str(caught.value)


def test_pictures_of_a_comment_travel_or_leave_their_name() -> None:
    html = (
        '<p><img src="cid:here" alt="a&gt;b"><img src="cid:gone" alt="x"><img alt="t>r" src="https://spy.test/p.gif">'
        '<img src="cid:doc"><img></p>'
    )
    files = (
        FileView("here.png", 4, "image/png", b"\x89PNG", "here", True),
        FileView("gone.png", 4, "image/png", None, "gone", True),
        FileView("doc.html", 4, "text/html", b"<b>x", "doc", True),
    )
    view, head = read(GOLDEN / "n19-en")
    view = replace(view, comment=CommentView("Ana", "a@x.test", "customer", NOW, "see", html, files))
    bodies = composer().bodies(view)
    assert 'src="cid:here"' in bodies.html
    assert "[image: gone.png]" in bodies.html
    assert "[image: t&gt;r]" in bodies.html
    assert "[image: doc.html]" in bodies.html
    assert "spy.test" not in bodies.html
    assert [f.filename for f in bodies.related] == ["here.png"]
    assert [f.filename for f in bodies.attached] == ["doc.html"]
    types = [part.get_content_type() for part in parsed(composer().render(view, head)).walk()]
    assert types == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/html",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Nota não sai", "Re: Nota não sai [SUP-123]"),
        ("Re: RES: ENC: Fwd: Nota [SUP-123]", "Re: Nota [SUP-123]"),
        ("[sup-123] Nota", "Re: Nota [SUP-123]"),
        ("Re[2]: Nota", "Re: Nota [SUP-123]"),
        ("Reunião: amanhã", "Re: Reunião: amanhã [SUP-123]"),
        ("x\r\nBcc: v@x.test", "Re: x Bcc: v@x.test [SUP-123]"),
        ("", "Re: sem assunto [SUP-123]"),
        ("a" * 500, f"Re: {'a' * 179}… [SUP-123]"),
    ],
)
def test_a_subject_that_stays_the_same_through_the_thread(given: str, expected: str) -> None:
    view, _ = read(GOLDEN / "n5-pt-BR")
    once = composer().subject(replace(view, subject=given))
    assert once == expected
    if len(given) < 100 and given:
        assert composer().subject(replace(view, subject=once)) == once


def test_every_notice_renders_with_the_least_there_can_be() -> None:
    """No comment, no due date, no link, no agent, no company details: nothing breaks and nothing odd is said."""
    view, head = read(GOLDEN / "n5-pt-BR")
    bare = replace(
        view, comment=None, previous=None, due_at=None, link="", link_expires_at=None, agent="", participants=(),
        unsubscribe="", recipient_name="", company=replace(view.company, site="", phone="", hours=""),
    )  # fmt: skip
    for notice in Notice:
        for role in ("customer", "agent"):
            for category in ("open", "waiting", "solved", "closed", "no such"):
                told = replace(bare, notice=notice, recipient_role=role, category=category)
                text = composer().bodies(told).text
                assert "None" not in text
                assert "\n\n\n" not in text
                composer().render(told, head)
