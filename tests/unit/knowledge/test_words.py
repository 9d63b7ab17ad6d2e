"""People do not type accents, nor the form of a word that the article has."""

from __future__ import annotations

import time

import pytest

from mailgate.knowledge.words import fold, fold_in_place, question, stem, terms_of, tokens


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("pt-BR", "configuração configurações configuracao configuracoes Configuração"),
        ("pt-BR", "nota notas"),
        ("pt-BR", "fiscal fiscais"),
        ("pt-BR", "erro erros"),
        ("pt-BR", "mensagem mensagens"),
        ("pt-BR", "servidor servidores"),
        ("pt-BR", "painel painéis paineis"),
        ("pt-BR", "permissão permissoes permissões"),
        ("pt-BR", "relatório relatorios"),
        ("pt-BR", "disponível disponivel"),
        ("es", "configuración configuraciones configuracion"),
        ("es", "contraseña contraseñas contrasena"),
        ("es", "factura facturas"),
        ("en", "invoice invoices"),
        ("en", "password passwords"),
    ],
)
def test_the_forms_of_a_word_are_one_word(language: str, forms: str) -> None:
    assert len({stem(word, language) for word in tokens(forms)}) == 1


def test_words_with_hyphens() -> None:
    assert tokens("NF-e, e-mail e segunda-feira; foo_bar R$ 1.234") == [
        "nfe", "email", "e", "segunda", "feira", "foo", "bar", "r", "1", "234",
    ]  # fmt: skip


def test_an_article_is_found_by_the_word_and_its_stem() -> None:
    assert terms_of("Notas", "pt-BR") == ["notas", "not"]
    assert terms_of("NCM", "pt-BR") == ["ncm"]
    assert terms_of("Zug", "de") == ["zug"]


def test_little_words_do_not_ask_for_anything_unless_they_are_all_there_is() -> None:
    assert [w.text for w in question("Não consigo emitir a nota")] == ["emitir", "nota"]
    assert [w.text for w in question("como é que")] == ["como", "e", "que"]


def test_the_last_word_may_be_unfinished_only_while_it_is_typed() -> None:
    assert [(w.text, w.prefix) for w in question("nota fisc", typing=True)] == [("nota", ""), ("fisc", "fisc")]
    assert [(w.text, w.prefix) for w in question("nota fiscal ", typing=True)] == [("nota", ""), ("fiscal", "")]
    assert question("nota fisc")[-1].prefix == ""


def test_a_hostile_question_is_a_few_plain_words() -> None:
    for evil in ("' OR 1=1 --", '"*" NEAR(a b, 3) ^x {y}:z', "col:* AND NOT x", "\0\x1f" * 50, "😀" * 500, "-" * 5000):
        assert all(form.isalnum() for word in question(evil, typing=True) for form in word.forms)
    assert len(question(" ".join(f"palavra{n}" for n in range(500)))) == 20
    began = time.perf_counter()
    question("ﷺ" * 1_000_000, typing=True)
    question("a-" * 500_000)
    assert time.perf_counter() - began < 1


def test_folding_letter_by_letter_keeps_every_place() -> None:
    text = "Emissão de NF-e: ÀÉÎõü ß İ ŉ 日本"
    assert len(fold_in_place(text)) == len(text)
    assert fold_in_place("Emissão ÀÉÎõü") == fold("Emissão ÀÉÎõü") == "emissao aeiou"
