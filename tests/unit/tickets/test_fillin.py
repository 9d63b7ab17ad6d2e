"""Forms by mail: the lines that are asked for, and answers as people really write them."""

from __future__ import annotations

from datetime import date

import pytest

from mailgate.companyfiles import FormField, Topic
from mailgate.tickets import fillin

FIELDS = tuple(
    FormField.model_validate(one)
    for one in (
        {"key": "versao", "label": {"pt-BR": "Versão do sistema", "en": "Version of the system"}, "required": True},
        {"key": "base", "label": {"pt-BR": "Base de dados"}, "kind": "choice", "choices": ["SQL", "ORACLE"],
         "required": True},
        {"key": "cloud", "label": {"pt-BR": "Hospedado na nuvem?"}, "kind": "yes_no", "required": True},
        {"key": "teste", "label": {"pt-BR": "Dados do ambiente de teste"}, "required": True,
         "if": {"field": "cloud", "is": "yes"}},
        {"key": "passos", "label": {"pt-BR": "Passo a passo"}, "kind": "long_text"},
    )
)  # fmt: skip
TODAY = date(2025, 11, 5)


def _read(text: str, **values: object) -> dict[str, str]:
    return fillin.read(FIELDS, text, TODAY, **values)  # type: ignore[arg-type]


def test_the_lines_to_fill_in() -> None:
    assert [fillin.line(one, "pt-BR") for one in fillin.missing(FIELDS, {"cloud": "yes"})] == [
        "Versão do sistema: ___", "Base de dados: ( ) SQL  ( ) ORACLE", "Dados do ambiente de teste: ___",
    ]  # fmt: skip
    assert fillin.line(FIELDS[2], "es") == "Hospedado na nuvem? ( ) sí  ( ) no"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Versão do sistema: 12.1.2310\nBase de dados: ORACLE", {"versao": "12.1.2310", "base": "ORACLE"}),
        ("base de dados - oracle\nVERSAO DO SISTEMA = 12.1", {"versao": "12.1", "base": "ORACLE"}),
        ("Bom dia!\n\n1) Versao do sistema : 12.1\n2) Base de dados: ( ) SQL  (x) ORACLE\nObrigada",
         {"versao": "12.1", "base": "ORACLE"}),
        ("Base de dados: [X] SQL [ ] ORACLE", {"base": "SQL"}),
        ("Base de dados: ( ) SQL  ( ) ORACLE\nVersão do sistema: ___", {}),
        ("Base de dados: (x) SQL (x) ORACLE", {}),
        ("A versão é a 12.1.2310 e usamos Oracle.", {"versao": "12.1.2310", "base": "ORACLE"}),
        ("usamos sql e oracle", {}),
        ("Hospedado na nuvem? (x) sim ( ) não", {"cloud": "yes"}),
        ("Hospedado na nuvem: Não", {"cloud": "no"}),
        ("Version of the system: 12.1", {"versao": "12.1"}),
        ("Versão do sitema: 12.1", {"versao": "12.1"}),
        ("12.1.2310", {"versao": "12.1.2310"}),
        ("> Versão do sistema: 12.1", {"versao": "12.1"}),
        ("Passo a passo: abrir o menu\nclicar em gravar\nBase de dados: SQL",
         {"passos": "abrir o menu\nclicar em gravar", "base": "SQL"}),
        ("Não sei informar.", {}),
        ("Hospedado na nuvem: talvez", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_answers_as_people_write_them(text: str, found: dict[str, str]) -> None:
    assert _read(text) == found


def test_filled_in_where_the_lines_stood_in_our_mail() -> None:
    quoted = fillin.filled_lines(
        "> Versão do sistema: 12.1\n> Base de dados: ( ) SQL  (x) ORACLE\n> Nuvem: ___\nhttp://x.test/?a"
    )
    assert _read("Segue abaixo.", quoted=quoted) == {"versao": "12.1", "base": "ORACLE"}


def test_one_thing_asked_one_line_answered() -> None:
    known = {"base": "SQL", "cloud": "no"}
    assert _read("v12.1\n\nAna", answers=known) == {"versao": "v12.1"}
    assert _read("sql", answers={"versao": "1", "cloud": "no"}) == {"base": "SQL"}
    assert _read("Qual versão?", answers=known) == {}
    assert _read("Ainda estamos procurando isso com a nossa equipe de infraestrutura", answers=known) == {}


def test_what_is_known_is_not_read_again() -> None:
    assert _read("Versão do sistema: 13", answers={"versao": "12"}) == {}


def test_a_required_attachment_is_a_field_of_its_own() -> None:
    topic = Topic.model_validate({"label": {"pt-BR": "Erro"}, "attachment": "required"})
    (field,) = fillin.fields_of(topic)
    assert fillin.line(field, "pt-BR") == "Anexo: (anexe a este e-mail)"
    assert fillin.missing([field], {}) == (field,)
    assert fillin.missing([field], {"attachment": "erro.png"}) == ()


def test_hostile_texts_end_soon() -> None:
    for text in ("a:" * 50_000, "(" * 100_000, "Versão do sistema: " + "9." * 50_000, "\n" * 100_000, "( ) " * 30_000):
        assert len(_read(text)) <= 2
        assert len(fillin.filled_lines(text)) <= 60
