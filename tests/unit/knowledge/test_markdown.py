"""Whatever stands in an article, the page stays ours."""

from __future__ import annotations

import time

import html5lib
import pytest

from mailgate.knowledge.markdown import Around, Picture, render

AROUND = Around(
    link=lambda path: {"outro.md": "outro", "manual.pdf": "files/abc"}.get(path),
    picture=lambda path: Picture("files/def", (640, 480)) if path == "tela 1.png" else None,
)

EVIL = """
<script>alert(1)</script> <b onclick=x>b</b>

[a](javascript:alert(1)) [b](data:text/html,x) [c](vbscript:x) [d](//evil.test/x) [e](/tickets/SUP-1)
[f](JaVaScRiPt:x) [g](outro.md"onclick=x) ![x](http://evil.test/p.gif) ![y](//evil.test/p.gif) ![z](../../etc/passwd)
<javascript:alert(1)>

<iframe src=//evil.test></iframe>

# <img src=x onerror=alert(1)>

[ref]: javascript:alert(1)
[ref] ![ref]
"""


def shown(text: str) -> str:
    return render(text, AROUND).html


def test_what_articles_are_made_of() -> None:
    html = shown(
        "Veja [o outro](outro.md#Passo 1 'x'), [o outro](outro.md#Passo%201), [o manual](manual.pdf), "
        "[fora](https://x.test/) e ![A tela](<tela 1.png>)\n\n## Passo 1\n\n"
        "## Passo 1\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "1. um\n2. dois\n\n~~não~~ `x<y`"
    )
    assert '<a href="outro#s-passo-1">o outro</a>' in html
    assert '<a href="files/abc">o manual</a>' in html
    assert '<a href="https://x.test/" rel="noopener noreferrer">fora</a>' in html
    assert '<img src="files/def" alt="A tela" loading="lazy" width="640" height="480">' in html
    assert '<h2 id="s-passo-1">' in html
    assert '<h2 id="s-passo-1-2">' in html
    assert "<td>1</td>" in html
    assert "<s>não</s> <code>x&lt;y</code>" in html


def test_headings_stand_below_the_pages_own() -> None:
    assert shown("# A\n\n## B") == '<h2 id="s-a">A</h2>\n<h3 id="s-b">B</h3>\n'


def test_nothing_runs_and_nothing_is_fetched_from_elsewhere() -> None:
    for element in html5lib.parse(shown(EVIL), namespaceHTMLElements=False).iter():
        assert element.tag not in {"script", "iframe", "b", "style", "svg"}
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "javascript" not in value.lower() or element.tag == "img"
            assert not (name == "src" and value != "files/def")
            assert not (name == "href" and not value.startswith(("outro", "files/", "http", "#", "mailto")))


def test_what_leads_nowhere_is_named_with_its_place() -> None:
    found = render("Um\n\nVeja [isto](nada.md)\ne ![aquilo](fora.png)", AROUND)
    assert found.html == "<p>Um</p>\n<p>Veja <a>isto</a>\ne aquilo</p>\n"
    assert [(line, column) for line, column, _ in found.doubts] == [(3, 13), (4, 13)]


def test_the_words_without_the_marks() -> None:
    assert (
        render("## T\n\nUm **dois**\ntrês [x](outro.md)\n\n```\ncódigo\n```", AROUND).text
        == "T\nUm dois três x\ncódigo"
    )


@pytest.mark.parametrize("text", ["[" * 5_000, "*a " * 5_000, "> " * 2_000, "`" * 9_001, "![" * 3_000, "<" * 9_000,
                                  "| a " * 900 + "\n" + "|---" * 900, "1. " * 2_000, "\\" * 9_000])  # fmt: skip
def test_odd_text_takes_no_long_time(text: str) -> None:
    began = time.perf_counter()
    render(text, AROUND)
    assert time.perf_counter() - began < 8
