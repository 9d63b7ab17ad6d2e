"""HTML that reaches a browser, and text made out of HTML."""

from __future__ import annotations

import html5lib
import pytest

from mailgate.mail.html import clean_own, linkify, sanitise
from mailgate.mail.htmltext import to_text
from mailgate.mail.limits import MailLimits

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
