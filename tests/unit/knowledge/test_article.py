"""What stands above an article, and where a mistake in it is."""

from __future__ import annotations

import pytest

from mailgate.knowledge import article


def test_everything_above_the_line() -> None:
    found, mistakes = article.read(
        "---\ntitle: Segunda via\nsection: Financeiro\norder: 20\nlabels: [boleto, cobrança]\nlanguage: pt-BR\n"
        "updated: 2026-11-20\ncomments: closed\nvisibility: customers\n---\nTexto\n",
        "financeiro/segunda_via.md", "k/financeiro/segunda_via.md", "en",
    )  # fmt: skip
    assert mistakes == []
    assert found is not None
    assert (found.title, found.slug, found.section, found.language) == (
        "Segunda via", "segunda-via", "Financeiro", "pt-BR",
    )  # fmt: skip
    assert (found.front.labels, str(found.front.updated), found.front.comments, found.front.visibility) == (
        ("boleto", "cobrança"), "2026-11-20", "closed", "customers",
    )  # fmt: skip
    assert (found.body, found.first_line) == ("Texto\n", 11)


def test_nothing_but_a_heading_is_enough() -> None:
    found, _ = article.read("# Esqueci a senha\r\n\r\nPeça outra.", "primeiros-passos/senha.en.md", "x", "pt-BR")
    assert found is not None
    assert (found.title, found.slug, found.language, found.section) == (
        "Esqueci a senha", "senha-en", "en", "Primeiros passos",
    )  # fmt: skip
    assert found.body.strip() == "Peça outra."


def test_a_heading_that_only_repeats_the_title_is_not_shown_twice() -> None:
    found, _ = article.read("---\ntitle: Olá\n---\n\n# OLA\n\nTexto", "a.md", "x", "pt-BR")
    assert found is not None
    assert found.body.strip() == "Texto"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntitel: x\norder: cedo\n---\n", ["a.md:2:1: unknown key `titel`; did you mean `title`?",
                                             "a.md:3:8: `order` must be a whole number, not 'cedo'"]),
        ("---\ntitle: [a\n---\n", ["a.md:2:10: not YAML"]),
        ("---\ntitle: x\n", ["a.md:1:1: the first `---` has no second one"]),
        ("só texto", ["a.md:1:1: no title"]),
        ("", ["a.md:1:1: no title"]),
        ("---\ntitle: x\nslug: files\n---\n", ["a.md:3:7: `slug`: 'files' is the address of another page"]),
        ("---\ntitle: x\nslug: ../x\n---\n", ["a.md:3:7: `slug`"]),
        ("---\ntitle: x\nupdated: ontem\n---\n", ["a.md:3:10: `updated`"]),
        ("---\ntitle: !!python/object:os.system x\n---\n", ["a.md:2:8: the tag"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_is(text: str, expected: list[str]) -> None:
    found, mistakes = article.read(text, "a.md", "a.md", "pt-BR")
    assert found is None
    assert [str(one)[: len(start)] for one, start in zip(mistakes, expected, strict=True)] == expected


def test_a_file_whose_name_gives_no_address() -> None:
    assert article.read("# T", "日本.md", "a.md", "pt-BR")[0] is None
    assert article.read("# T", "suggest.md", "a.md", "pt-BR")[0] is None


def test_reading_time_at_two_hundred_words_a_minute() -> None:
    assert [article.minutes_to_read("palavra " * n) for n in (0, 200, 201, 1200)] == [1, 1, 2, 6]
