"""HTML that reaches a browser, and text made out of HTML."""

from __future__ import annotations

import re
import time

import bleach
import html5lib
import pytest

from mailgate.mail.html import _ATTRIBUTES, _TAGS, clean_own, linkify, sanitise
from mailgate.mail.htmltext import to_text
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Mark
from mailgate.mail.parse import read_mail

L = MailLimits()
ATTACKS = [
    "<script>alert(1)</script>ok",
    "<img src=x onerror=alert(1)>ok",
    "<a href='javascript:alert(1)'>ok</a>",
    "<a href=' &#106;avascript:alert(1)'>ok</a>",
    "<svg><script>alert(1)</script></svg>ok",
    "<math><mi xlink:href='data:text/html,x'>ok</math>ok",
    "<style>@import 'http://evil.test'</style>ok",
    "<p style='background:url(http://evil.test/x)'>ok</p>",
    "<p style='background-color:u\\72l(http://evil.test/x)'>ok</p>",
    "<div style='position:fixed;top:0'>ok</div>",
    "<form action=http://evil.test><input name=a>ok</form>",
    "<iframe src=http://evil.test></iframe>ok",
    "<base href=http://evil.test>ok",
    "<meta http-equiv=refresh content='0;url=http://evil.test'>ok",
    "<img src=http://evil.test/p.gif>ok",
    "<img src=//evil.test/p.gif>ok",
    "<img srcset='http://evil.test/p.gif 1x'>ok",
    "<a href='//evil.test'>ok</a>",
    "<table background=http://evil.test/p.gif><tr><td>ok</table>",
    "<img src='data:text/html,<script>1</script>'>ok",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>ok",
]


@pytest.mark.parametrize("page", ATTACKS)
def test_nothing_active_or_foreign_is_left(page: str) -> None:
    cleaned = sanitise(page, L)
    assert "ok" in cleaned
    for element in html5lib.parseFragment(cleaned, namespaceHTMLElements=False).iter():
        assert str(element.tag).lower() not in {
            "script",
            "style",
            "svg",
            "math",
            "form",
            "iframe",
            "base",
            "meta",
            "input",
        }
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert name not in {"srcset", "background", "action"}
            assert "evil.test" not in value
            assert "javascript:" not in value.replace("\t", "").lower()


MAILS = [
    *ATTACKS,
    '<p style="color:red;background:url(http://evil.test/x);font-weight:bold">ok</p>',
    "<p style='background:image-set(\"http://evil.test/x\" 1x)'>ok</p>",
    "<p style='b\\61 ckground:\\75rl(//evil.test)'>ok</p>",
    "<div style='margin-left:-500px;margin-top: -9em;width:9999px'>ok</div>",
    "<style>p{background:url(http://evil.test)}</style><p class=x id=location name=cookie>ok</p>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>ok",
    "<form><math><mtext></form><form><mglyph><svg><mtext><textarea><path id='</textarea><img onerror=x src=1>'>ok",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'></a>ok",
    "<a href='java\tscript:alert(1)'>ok</a><a href='data:text/html,x'>ok</a><a href='//evil.test'>ok</a>",
    "<a href='vbscript:x'>ok</a><a href='mailto:a@b.test'>ok</a><a href='https://x.test/'>ok</a>",
    "<img src='cid:a@b' onload=x><img src='cid:x' srcset='//evil.test 2x' longdesc='//evil.test'>ok",
    "<video poster=//evil.test/x src=//evil.test/y></video><audio src=//evil.test/z></audio>ok",
    "<link rel=stylesheet href=//evil.test/x><object data=//evil.test/x></object><embed src=//evil.test/x>ok",
    "<table><caption style='font:url(x)'>a</caption><tr><td background=//evil.test width=5>ok</table>",
    "<blockquote type=cite cite=//evil.test><ol start=3 type=a><li>ok</ol></blockquote>",
    "<!--><img src=x onerror=alert(1)>-->ok<![CDATA[<script>1</script>]]>",
    "<plaintext>ok",
    "<xmp><img src=x onerror=alert(1)></xmp>ok",
    '<p title="`><img src=x onerror=1>">ok',
]


def _tree(page: str) -> list[tuple[str, tuple[tuple[str, str], ...], str]]:
    return [
        (str(e.tag), tuple(sorted((str(k), str(v).replace(" ", "")) for k, v in e.attrib.items() if k != "style")),
         (e.text or "") + (e.tail or ""))
        for e in html5lib.parseFragment(page, namespaceHTMLElements=False).iter()
    ]  # fmt: skip


@pytest.mark.parametrize("page", MAILS)
def test_a_second_sanitiser_finds_nothing_to_take_out(page: str) -> None:
    """bleach, with the same lists and its own parser, must leave what nh3 left: else one of them is wrong."""
    cleaned = sanitise(page, L)
    everywhere = _ATTRIBUTES["*"] - {"style"}
    allowed = {tag: [*_ATTRIBUTES.get(tag, ()), *everywhere, "rel"] for tag in _TAGS}
    again = bleach.clean(
        cleaned,
        tags=set(_TAGS),
        attributes=allowed,
        protocols={"http", "https", "mailto", "tel", "cid"},
    )
    assert _tree(again) == _tree(cleaned)
    assert not re.search(r"style=\"[^\"]*(?:url|image|expression|:\s*-\d)", cleaned)


def test_only_the_bad_declarations_of_a_style_go() -> None:
    page = '<p style="color:red;background:url(http://evil.test/x);font-weight:bold;margin:0 -5px">a</p>'
    assert sanitise(page, L) == '<p style="color:red;font-weight:bold">a</p>'


def test_what_its_sender_hid_is_shown_to_nobody() -> None:
    page = '<div style="DISPLAY : none">prévia</div><p>Olá</p><img style="display:none" src="http://evil.test/p">'
    assert "prévia" not in sanitise(page, L)
    assert "Olá" in sanitise(page, L)


def test_remote_images_are_counted_and_named_to_the_reader() -> None:
    raw = (
        b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<p>Oi<img src=http://evil.test/1>"
        b"<img src='//evil.test/2' width=1 height=1><img src=HTTPS://evil.test/3>"
    )
    message = read_mail(raw, L).message
    assert message.marks == (Mark("images_removed", "3"),)
    assert "evil.test" not in (message.html or "")


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 150_000,
        "<table><tr><td>" * 50_000,
        "<p style='" + "color:red;" * 200_000 + "'>x",
        "<a " + "x=1 " * 500_000 + ">x",
        "<p style='display:none'>" * 60_000 + "x",
        "<img src=" * 200_000,
        "<!--" * 500_000,
        "&#x41;" * 300_000,
        "<b>" * 199 + "<i>x</i>" * 20_000,
    ],
)
def test_hostile_pages_take_no_time_and_no_space(page: str) -> None:
    begun = time.process_time()
    cleaned = sanitise(page, L)
    to_text(page, L)
    assert time.process_time() - begun < 5
    assert len(cleaned) <= L.html_out_bytes


def test_what_people_write_stays() -> None:
    page = (
        '<p style="color:red"><b>a</b> <a href="https://x.test/?a=1&amp;b=2">b</a></p>'
        '<table><tr><td colspan="2">c</td></tr></table>'
    )
    cleaned = sanitise(page, L)
    assert 'style="color:red"' in cleaned
    assert 'href="https://x.test/?a=1&amp;b=2"' in cleaned
    assert 'rel="noopener nofollow noreferrer"' in cleaned
    assert 'colspan="2"' in cleaned


def test_only_cid_images_stay_without_a_resolver() -> None:
    assert sanitise('<img src="cid:a@b"><img src="a.png">', L) == '<img src="cid:a@b"><img>'


def test_too_deep_is_refused_rather_than_parsed() -> None:
    assert sanitise("<div>" * 201 + "x", L) == ""
    assert "x" in sanitise("<div>" * 199 + "x", L)
    assert to_text("<div>" * 5000 + "x").strip() == "x"


def test_text_of_a_page() -> None:
    page = """<html><head><title>no</title><style>p{}</style></head><body><h1>Olá</h1><p>Um  <b>dois</b>
      três</p><ul><li>a</li><li>b<ol><li>c</li></ol></li></ul><p>veja <a href="https://x.test/y">aqui</a> e
      <a href="https://x.test">x.test</a></p><table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>
      <div style="display:none">oculto</div><pre>a
  b</pre><blockquote type="cite">dito</blockquote>fim<br>mesmo</body></html>"""
    assert to_text(page) == (
        "Olá\n\nUm dois três\n\n- a\n- b\n1. c\n\nveja aqui <https://x.test/y> e x.test\n\n1 2\n3\n\n"
        "a\n  b\n\n> dito\n\nfim\nmesmo"
    )


def test_linkify_escapes_and_links() -> None:
    assert linkify("a <b> & c") == "a &lt;b&gt; &amp; c"
    assert linkify("um\ndois") == "um<br>\ndois"
    linked = linkify("veja https://x.test/a?b=1&c=2 agora")
    assert '<a href="https://x.test/a?b=1&amp;c=2"' in linked
    assert 'rel="noopener nofollow noreferrer"' in linked
    assert "<script" not in linkify("http://x.test/<script>alert(1)</script>")
    assert "href" not in linkify("javascript:alert(1) arquivo.py")


def test_what_our_own_people_write_is_cleaned_too() -> None:
    assert clean_own("<p onclick=x>a<script>b</script> <b>c</b></p>") == "<p>a <b>c</b></p>"
