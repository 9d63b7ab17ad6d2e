"""The reply within a mail's HTML is found again, with its images, for the ways in which clients quote."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from mailgate.links.tokens import SECRET_WORDS
from mailgate.mail.html import Links, linkify
from mailgate.portal.said import Gallery, cut_quote, show, without_tokens

ATTRIBUTION = "Em qua., 5 de nov. de 2025 às 10:22, Suporte <suporte@example.test> escreveu:"
HTML_ATTRIBUTION = ATTRIBUTION.replace("<", "&lt;<a href='mailto:x'>").replace(">", "</a>&gt;", 1)


@pytest.mark.parametrize(
    ("html", "reply", "elided", "expected"),
    [
        pytest.param(
            f'<div>Segue:<div><img src="cid:a" alt="x.png"></div><div>Obrigada!</div></div><br><div>{ATTRIBUTION[:40]}'
            "<blockquote>Olá</blockquote></div>",
            "Segue:\n[image: x.png]\nObrigada!",
            f"{ATTRIBUTION}\n> Olá",
            '<div>Segue:<div><img src="cid:a" alt="x.png"></div><div>Obrigada!</div></div>',
            id="gmail: an image between two lines",
        ),
        pytest.param(
            '<p>Sim.</p><p>-- <br>Ana <img src="cid:logo"></p><blockquote>Olá</blockquote>',
            "Sim.",
            "--\nAna\n> Olá",
            "<p>Sim.</p>",
            id="a signature with its logo",
        ),
        pytest.param(
            '<div><img src="cid:a"></div><div>De: Suporte</div><div>Olá</div>',
            "[cid:a]",
            "De: Suporte\nOlá",
            '<div><img src="cid:a"></div>',
            id="outlook: nothing but an image",
        ),
        pytest.param(
            "<div>Pode ser. De: Suporte<br>Olá</div>",
            "Pode ser.",
            "De: Suporte\nOlá",
            "<div>Pode ser.</div>",
            id="reply and quote in one piece of text",
        ),
        pytest.param(
            "<p>Veja <a href='https://x.test/a'>aqui</a>, por favor</p><div>De: Equipe de Suporte</div>",
            "Veja aqui <https://x.test/a>, por favor",
            "De: Equipe de Suporte",
            "<p>Veja <a href=\"https://x.test/a\">aqui</a>, por favor</p>",
            id="a link that the text spells out",
        ),
    ],
)  # fmt: skip
def test_the_reply_is_found(html: str, reply: str, elided: str, expected: str) -> None:
    assert cut_quote(html, reply, elided) == expected


@pytest.mark.parametrize(
    ("html", "reply", "elided"),
    [
        ("<blockquote>Em 5 de nov. Suporte escreveu: olá</blockquote><p>Resposta</p>", "Resposta", "> olá"),
        ("<p>outra coisa</p>", "Resposta", "nada disso está lá"),
        ("", "Resposta", "x"),
    ],
    ids=["answer below", "another text", "no html"],
)
def test_in_doubt_nothing_is_cut(html: str, reply: str, elided: str) -> None:
    assert cut_quote(html, reply, elided) is None


def test_tokens_that_a_quote_carries_are_taken_out() -> None:
    token, reply = "Ab_-" * 8, "a2" * 22
    text = (
        f"https://x.test/t/{token} https://safe.test/?url=https%3A%2F%2Fx.test%2Fconfirm%2F{token}&d=1 s+{reply}@x.test"
    )
    assert without_tokens(text) == (
        "https://x.test/t/… https://safe.test/?url=https%3A%2F%2Fx.test%2Fconfirm%2F…&d=1 s@x.test"
    )
    assert without_tokens("") == ""


@pytest.mark.parametrize("path", SECRET_WORDS)
def test_every_link_that_does_something_is_taken_out(path: str) -> None:
    """A customer who answers the mail that signs him in quotes its link to all who see the ticket."""
    assert without_tokens(f"> https://x.test/{path}/{'Ab_-' * 8}") == f"> https://x.test/{path}/…"


# --- what one mail may cost each time that its page is looked at -----------------------------------------------------

_QUOTE = "On Wed, 5 Nov 2025 at 10:22, Suporte <suporte@example.test> wrote:"


def _comment(**texts: str) -> SimpleNamespace:
    return SimpleNamespace(**{"role": "customer", "text": "", "reply": "", "elided": "", "html": "", **texts})


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        pytest.param(
            _comment(html=f"{'a' * 200_000} {_QUOTE}", reply="a" * 200_000, elided=_QUOTE), "a" * 200_000,
            id="a reply and its quote in one piece of text",
        ),
        pytest.param(
            _comment(html="<p>Sim.</p><p>Nada.</p>", reply="Outra coisa", elided="<http:" * 150_000), "Outra coisa",
            id="what is nearly an address, again and again",
        ),
        pytest.param(_comment(reply="[cid:x]" * 100_000), "[cid:x]", id="pictures that are none of a hundred"),
        pytest.param(
            _comment(reply="\n".join(["www.a.bc " * 400] * 250)), '<a href="http://www.a.bc"', id="addresses"
        ),
    ],
)  # fmt: skip
def test_no_mail_keeps_its_readers_waiting(comment: SimpleNamespace, shown: str) -> None:
    """Each of these took from ten seconds to hours, at each look, in the process that takes mail."""
    rows = [
        SimpleNamespace(id=n, content_type="image/png", content_id=f"c{n}@x", filename=f"{n}.png") for n in range(100)
    ]
    began = time.process_time()
    assert shown in show(comment, Gallery("/tickets/SUP-1/files", rows)).body  # type: ignore[arg-type]
    assert time.process_time() - began < 3


def test_a_page_has_so_many_links_for_all_its_texts() -> None:
    """bleach looks through so much of a page; what comes then is text."""
    links = Links(200)
    assert linkify("veja www.x.test", links).count("<a ") == 1
    assert linkify("\n".join(["veja www.x.test"] * 9), links).count("<a ") == 2
    assert linkify("veja www.x.test <b>", links) == "veja www.x.test &lt;b&gt;"
    assert "<a " in linkify("veja www.x.test")
