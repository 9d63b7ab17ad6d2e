"""The knowledge base on both databases: what a folder becomes, and what people find in it (R032, R124 to R126)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from mailgate.flows.knowledge import Imported, Watch, import_folder, look_up, offers, suggest
from mailgate.knowledge.assistant import Assistant
from mailgate.knowledge.base import AGENT, CUSTOMER, STRANGER
from store import articles, blob_rows, search
from store.errors import StoreUnavailable
from store.tables import ARTICLE, ARTICLE_VERSION
from tests.flows.story import Story
from tests.house import ANA, SUPPORT, plain_mail, png

BOLETO = """---
title: Segunda via do boleto
section: Financeiro
order: 1
labels: [boleto]
keywords: [cobrança, vencimento]
---
Abra **Financeiro** e escolha [a nota](nota.md). ![Lista](img/lista.png)
"""
NOTA = """---
title: Emitir uma nota fiscal
section: Fiscal
---
A configuração do certificado digital vem antes. Depois emita. Boletos não entram aqui.
"""
FACTURA = """---
title: Cómo emitir una factura
language: es
---
La configuración del certificado digital.
"""
INTERNO = "---\ntitle: Certificado do próprio escritório\nvisibility: agents\n---\nSó para nós.\n"
CLIENTES = "---\ntitle: Tabela de preços do certificado\nvisibility: customers\n---\nDos clientes.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A company's `knowledge/`, beside its mailgate.yaml."""
    (tmp_path / "knowledge/img").mkdir(parents=True)
    found = tmp_path / "knowledge"
    for name, text in (("boleto.md", BOLETO), ("nota.md", NOTA), ("factura.es.md", FACTURA), ("interno.md", INTERNO),
                       ("clientes.md", CLIENTES), ("README.md", "Para quem escreve."),
                       ("_rascunho.md", "x")):  # fmt: skip
        (found / name).write_text(text, encoding="utf-8")
    (found / "img/lista.png").write_bytes(png())
    return found


def counts(done: Imported) -> tuple[int, int, int, int]:
    return done.added, done.changed, done.unchanged, done.withdrawn


def found(story: Story, text: str, visible: tuple[str, ...] = STRANGER, language: str = "pt-BR") -> list[str]:
    with story.site.writer.database.read() as connection:
        return [hit.slug for hit in look_up(connection, text, visible, language)]


def offered(story: Story, text: str, visible: tuple[str, ...] = STRANGER, language: str = "pt-BR") -> list[str]:
    with story.site.writer.database.read() as connection:
        return [one.slug for one in offers(connection, text, visible, language)]


def article(story: Story, slug: str) -> Any:
    return story.rows(ARTICLE, ARTICLE.c.slug == slug)[0]


def test_a_folder_is_imported_once_and_changes_make_versions(folder: Path, story: Story) -> None:
    assert counts(import_folder(story.site)) == (5, 0, 0, 0)
    assert counts(import_folder(story.site)) == (0, 0, 5, 0)
    first = article(story, "boleto")
    assert (first.section, first.labels, first.version, first.minutes) == ("Financeiro", ["boleto"], 1, 1)
    (folder / "boleto.md").write_text(BOLETO.replace("Abra", "Agora abra"), encoding="utf-8")
    story.later(days=1)
    assert counts(import_folder(story.site)) == (0, 1, 4, 0)
    again = article(story, "boleto")
    assert (again.id, again.version) == (first.id, 2)
    kept = story.rows(ARTICLE_VERSION, ARTICLE_VERSION.c.article_id == first.id)
    assert [(row.number, "Agora" in row.source) for row in kept] == [(1, False), (2, True)]
    assert kept[1].imported_at - kept[0].imported_at == timedelta(days=1)


def test_the_day_that_is_shown(folder: Path, story: Story) -> None:
    """R126: `updated` at the company's midnight; else the file's day, which a mere copy does not change."""
    import_folder(story.site)
    before = article(story, "nota").updated_at
    assert before <= story.clock()
    (folder / "nota.md").write_text(NOTA.replace("section:", "updated: 2025-10-01\nsection:"), encoding="utf-8")
    import_folder(story.site)
    assert article(story, "nota").updated_at == datetime(2025, 10, 1, 3, tzinfo=UTC)


def test_a_file_that_is_taken_away_is_not_shown_any_more_and_comes_back_as_it_was(folder: Path, story: Story) -> None:
    import_folder(story.site)
    (folder / "boleto.md").rename(folder / "_boleto.md")
    assert counts(import_folder(story.site))[3] == 1
    assert found(story, "boleto") == ["nota"]
    with story.site.writer.database.read() as connection:
        assert articles.by_slug(connection, "boleto", AGENT) is None
    (folder / "_boleto.md").rename(folder / "boleto.md")
    assert counts(import_folder(story.site))[1] == 1
    assert article(story, "boleto").version == 1
    assert found(story, "boleto")[0] == "boleto"


def test_a_mistake_keeps_the_article_as_it_was_and_the_others_go_on(folder: Path, story: Story) -> None:
    import_folder(story.site)
    (folder / "boleto.md").write_text("---\ntitle: Outro\norder: cedo\n---\nX", encoding="utf-8")
    (folder / "novo.md").write_text("# Novo\n\n[nada](nada.md)", encoding="utf-8")
    (folder / "latin.md").write_bytes("# Emissão".encode("latin-1"))
    done = import_folder(story.site)
    assert counts(done) == (1, 0, 4, 0)
    said = [str(one).removeprefix(f"{folder}/") for one in done.mistakes]
    assert [one.partition(": ")[0] for one in said] == ["boleto.md:3:8", "latin.md:1:8", "novo.md:3:8"]
    assert [one.warning for one in done.mistakes] == [False, False, True]
    assert article(story, "boleto").title == "Segunda via do boleto"


def test_two_files_for_one_address(folder: Path, story: Story) -> None:
    (folder / "zoutro.md").write_text("---\ntitle: Y\nslug: boleto\n---\n", encoding="utf-8")
    done = import_folder(story.site)
    assert str(done.mistakes[0]).endswith(
        "zoutro.md:1:1: `boleto.md` has the address `boleto` already; write another `slug: ...` here"
    )
    assert article(story, "boleto").title == "Segunda via do boleto"


def test_the_folder_is_never_left(folder: Path, story: Story, tmp_path: Path) -> None:
    (tmp_path / "fora.md").write_text("# Segredo", encoding="utf-8")
    (tmp_path / "fora.png").write_bytes(png())
    (folder / "link.md").symlink_to(tmp_path / "fora.md")
    (folder / "img2").symlink_to(tmp_path)
    (folder / "fuga.md").write_text(
        "# Fuga\n\n![a](../fora.png) ![b](img2/fora.png) ![c](%2e%2e/fora.png) [d](../fora.md) "
        "[e](../data/keys/mac.key)",
        encoding="utf-8",
    )
    done = import_folder(story.site)
    assert len(done.mistakes) == 5
    assert "files/" not in article(story, "fuga").html
    assert not story.rows(ARTICLE, ARTICLE.c.slug == "link")


def test_its_images_are_blobs_that_the_sweep_leaves(folder: Path, story: Story) -> None:
    import_folder(story.site)
    html = article(story, "boleto").html
    sha256 = html.partition("files/")[2][:64]
    assert story.site.blobs.get(sha256) == png()
    assert not story.site.writer.call(lambda connection: blob_rows.is_orphan(connection, sha256))
    assert 'href="nota"' in html
    with story.site.writer.database.read() as connection:
        assert articles.file(connection, sha256, STRANGER) is not None
        assert articles.file(connection, sha256, ()) is None
    (folder / "img/lista.png").write_bytes(png(10, 10))
    assert counts(import_folder(story.site)) == (0, 1, 4, 0)
    assert article(story, "boleto").version == 2


def test_a_missing_folder_changes_nothing(folder: Path, story: Story, make_story: Callable[..., Story]) -> None:
    import_folder(story.site)
    folder.rename(folder.with_name("elsewhere"))
    assert import_folder(story.site) == Imported()
    assert found(story, "boleto")


def test_another_node_that_read_the_folder_meanwhile(
    folder: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(story.site)
    now = articles.known
    monkeypatch.setattr(
        articles, "known", lambda connection, slugs=None: {} if slugs is None else now(connection, slugs)
    )
    import_folder(story.site)
    assert story.count(ARTICLE) == 5
    assert story.count(ARTICLE_VERSION) == 5


def test_the_watch_imports_when_something_changed(folder: Path, story: Story) -> None:
    watch = Watch(story.site)
    first = watch.sweep()
    assert first is not None
    assert first.added == 5
    assert watch.sweep() is None
    (folder / "novo.md").write_text("# Novo", encoding="utf-8")
    (folder / "boleto.md").unlink()
    second = watch.sweep()
    assert second is not None
    assert (second.added, second.withdrawn) == (1, 1)
    assert watch.sweep() is None


# --- what people find ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("boletos", ["boleto", "nota"]),
        ("COBRANCA", ["boleto"]),
        ("notas fiscais", ["nota"]),
        ("configuracoes do certificado", ["nota", "factura-es"]),
        ("emitir nota fisc", ["nota"]),
        ("certif", ["nota", "factura-es"]),
        ("emissão de boleto pelo telefone", ["boleto"]),
        ("contrato", []),
        ("", []),
        ("de a o", []),
    ],
)
def test_what_is_found(folder: Path, story: Story, asked: str, expected: list[str]) -> None:
    import_folder(story.site)
    assert found(story, asked) == expected


def test_words_in_the_title_come_first_and_the_readers_language(folder: Path, story: Story) -> None:
    import_folder(story.site)
    assert found(story, "boleto")[0] == "boleto"
    assert found(story, "certificado digital", language="es")[0] == "factura-es"
    assert found(story, "certificado digital", language="pt-BR")[0] == "nota"
    assert offered(story, "emitir certificado", language="es")[0] == "factura-es"


def test_who_sees_what(folder: Path, story: Story) -> None:
    import_folder(story.site)
    assert set(found(story, "certificado", STRANGER)) == {"nota", "factura-es"}
    assert set(found(story, "certificado", CUSTOMER)) == {"nota", "factura-es", "clientes"}
    assert set(found(story, "certificado", AGENT)) == {"nota", "factura-es", "clientes", "interno"}
    assert found(story, "certificado", ()) == []


def test_offers_need_more_than_one_stray_word(folder: Path, story: Story) -> None:
    import_folder(story.site)
    assert offered(story, "Preciso da segunda via do boleto vencido, a loja fechou ontem") == ["boleto"]
    assert offered(story, "Depois do almoço a loja fechou e ninguém atendeu a chamada") == []
    assert offered(story, "certificado") == ["nota", "factura-es"]


@pytest.mark.parametrize("evil", [
    "' OR 1=1 --", '"', '""""', "boleto\" OR \"nota", "NEAR(boleto nota)", "title:boleto", "bol*to ^a -b +c",
    "{a b}: x",
    "a & b | !c <-> d", "':*", "\\", "\0", "%_%", "(((((", "AND OR NOT", "boleto'); DROP TABLE article; --", "\ud800",
])  # fmt: skip
def test_a_hostile_question_is_only_words(folder: Path, story: Story, evil: str) -> None:
    import_folder(story.site)
    with story.site.writer.database.read() as connection:
        look_up(connection, evil, STRANGER, "pt-BR")
        offers(connection, evil, STRANGER, "pt-BR", typing=True)
    assert story.count(ARTICLE) == 5


def test_a_suggestion_without_an_assistant_is_the_articles(folder: Path, story: Story) -> None:
    import_folder(story.site)
    suggestion = suggest(story.site, "pt-BR", "Boleto", "Quero a segunda via")
    assert [one.title for one in suggestion.articles] == ["Segunda via do boleto", "Emitir uma nota fiscal"][:1]
    assert suggestion.answer == ""
    assert suggest(story.site, "pt-BR", "", "").articles == ()


def test_a_company_that_shows_nothing_to_strangers(folder: Path, make_story: Callable[..., Story]) -> None:
    story = make_story(knowledge={"public": "no"})
    import_folder(story.site)
    assert suggest(story.site, "pt-BR", "Boleto", "segunda via").articles == ()
    assert suggest(story.site, "pt-BR", "Boleto", "segunda via", CUSTOMER).articles


# --- in the acknowledgement ------------------------------------------------------------------------------------------

ASKS = "Preciso da segunda via do boleto de outubro. Palavra-secreta-dele."


def acknowledged(story: Story, *, verified: bool = True, text: str = ASKS) -> str:
    """The text of the acknowledgement of a mail, as it leaves."""
    story.receive(plain_mail(ANA, SUPPORT, "Boleto vencido", text, verified=verified))
    sent = [one for one in story.deliver() if one.recipient == ANA[1]]
    mail = message_from_bytes(sent[-1].raw, policy=policy.default)
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_an_acknowledgement_offers_what_fits(folder: Path, story: Story) -> None:
    import_folder(story.site)
    text = acknowledged(story)
    assert "talvez ajude:\n- Segunda via do boleto\n  http://127.0.0.1:8025/knowledge/boleto\n" in text
    assert "?q=" not in text


def test_a_strangers_acknowledgement_offers_too_and_says_none_of_his_words(folder: Path, story: Story) -> None:
    """R10: which of our articles stand there he may sway, what stands in them he may not."""
    import_folder(story.site)
    text = acknowledged(story, verified=False)
    assert "- Segunda via do boleto\n" in text
    assert not [word for word in ("secreta", "outubro", "vencido", "Preciso") if word in text]


def test_nothing_fits_nothing_is_offered(folder: Path, story: Story) -> None:
    import_folder(story.site)
    story.receive(plain_mail(ANA, SUPPORT, "Impressora", "Bom dia, a impressora do caixa parou de funcionar."))
    (sent,) = [one for one in story.deliver() if one.recipient == ANA[1]]
    assert b"/knowledge/" not in sent.raw


@pytest.mark.parametrize("off", [{"acknowledgement": 0}, {"public": "no"}])
def test_it_can_be_switched_off(folder: Path, make_story: Callable[..., Story], off: dict[str, Any]) -> None:
    story = make_story(knowledge=off)
    import_folder(story.site)
    assert "/knowledge/" not in acknowledged(story)


def test_articles_for_customers_or_agents_are_never_mailed(folder: Path, story: Story) -> None:
    import_folder(story.site)
    text = acknowledged(story, text="Onde vejo a tabela de preços do certificado do próprio escritório?")
    assert "/knowledge/clientes" not in text
    assert "/knowledge/interno" not in text


def test_an_index_that_does_not_answer_costs_no_acknowledgement(
    folder: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(story.site)

    def broken(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("no index")

    monkeypatch.setattr(search, "find", broken)
    text = acknowledged(story)
    assert "SUP-1" in text
    assert "/knowledge/" not in text


def test_a_suggestion_with_the_assistants_answer(folder: Path, story: Story) -> None:
    """R033: the endpoint is told what was typed and the articles that fit; without articles it is not asked at all."""
    import_folder(story.site)
    told: list[tuple[Any, ...]] = []

    class Model(Assistant):
        def answer(self, *said: Any) -> str:
            told.append(said)
            return "Abra Financeiro."

    site = replace(story.site, knowledge=replace(story.site.knowledge, assistant=Model("http://127.0.0.1:1", "m")))
    suggestion = suggest(site, "pt-BR", "Boleto", "Quero a segunda via")
    assert suggestion.answer == "Abra Financeiro."
    assert suggestion.articles[0].slug == "boleto"
    ((company, language, subject, text, known),) = told
    assert (company, language, subject, text) == ("Exemplo Sistemas", "pt-BR", "Boleto", "Quero a segunda via")
    assert [title for title, _ in known] == [one.title for one in suggestion.articles]
    assert suggest(site, "pt-BR", "Impressora", "Parou").answer == ""
    assert len(told) == 1
