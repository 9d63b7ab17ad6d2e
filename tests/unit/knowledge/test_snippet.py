"""The lines below a title that was found."""

from __future__ import annotations

import time

from mailgate.knowledge.snippet import marked, snippet
from mailgate.knowledge.words import question

TEXT = (
    "Para começar abra o menu. " * 20 + "A Emissão de notas fiscais exige um certificado. " + "Depois feche tudo. " * 20
)


def test_the_place_with_most_of_the_words() -> None:
    pieces = snippet(TEXT, question("emissao nota fisc", typing=True), "pt-BR")
    assert [text for text, hit in pieces if hit] == ["Emissão", "notas", "fiscais"]
    assert len("".join(text for text, _ in pieces)) < 300
    assert pieces[0] == ("… ", False)
    assert pieces[-1][0].endswith("…")


def test_an_article_without_the_words_begins_at_its_beginning() -> None:
    assert snippet(TEXT, question("boleto"), "pt-BR")[0][0].startswith("Para começar")
    assert snippet("", question("boleto"), "pt-BR") == ()


def test_words_with_hyphens_are_marked_whole() -> None:
    assert marked("NF-e por e-mail", question("nfe email"), "pt-BR") == (
        ("NF-e", True),
        (" por ", False),
        ("e-mail", True),
    )


def test_a_long_article_and_many_hits_take_no_long_time() -> None:
    began = time.perf_counter()
    snippet("nota fiscal " * 100_000, question("nota fiscal"), "pt-BR")
    snippet("x-" * 100_000, question("nota x y z", typing=True), "pt-BR")
    assert time.perf_counter() - began < 1
