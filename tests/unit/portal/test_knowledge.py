"""The pages of the knowledge base: who sees what, what a search shows, and that an article stays an article."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest

from mailgate.flows.knowledge import import_folder
from tests.house import ANA, BRUNO, SUPPORT, plain_mail, png
from tests.unit.portal.conftest import Portal, words

ARTICLES = {
    "boleto.md": "---\ntitle: Segunda via do boleto\nsection: Financeiro\nlabels: [boleto, cobrança]\n"
    "comments: closed\nupdated: 2025-10-20\n---\n" + "Abra o menu e escolha o mês. " * 250
    + "\n\n![Lista](lista.png)\n\n[nota](nota.md)\n",
    "nota.md": "---\ntitle: Emitir <b>nota</b> fiscal\nsection: Fiscal\n---\nO certificado vem antes. "
    "<script>alert(1)</script>\n",
    "precos.md": "---\ntitle: Tabela de preços\nvisibility: customers\n---\nCertificado.\n",
    "interno.md": "---\ntitle: Roteiro interno\nvisibility: agents\n---\nCertificado.\n",
    "password.en.md": "---\ntitle: Forgotten password\n---\nAsk for another.\n",
}  # fmt: skip


@pytest.fixture
def make_library(make_portal: Callable[..., Portal], tmp_path: Path) -> Callable[..., Portal]:
    """A portal whose company has these articles."""

    def make(**settings: object) -> Portal:
        folder = tmp_path / "knowledge"
        folder.mkdir()
        for name, text in ARTICLES.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "lista.png").write_bytes(png(64, 32))
        portal = make_portal(knowledge={"folder": str(folder), **settings})
        assert import_folder(portal.house.site).added == 5
        return portal

    return make


@pytest.fixture
def library(make_library: Callable[..., Portal]) -> Portal:
    return make_library()


def opened(portal: Portal, address: str = ANA[1]) -> object:
    if not portal.house.outbox("N1"):
        portal.house.receive(plain_mail(ANA, SUPPORT, "Dúvida", "Olá"))
    return portal.opened("SUP-1", address)


def test_the_sections_and_the_menu_entry(library: Portal) -> None:
    page = library.visit().get("/knowledge")
    assert page.status_code == 200
    said = words(page.text)
    assert "Financeiro Segunda via do boleto" in said
    assert "Também em: inglês" in said
    assert "Forgotten password" not in said
    assert 'href="/knowledge" aria-current="page"' in page.text
    assert "Forgotten password" in library.visit("en").get("/knowledge").text
    assert "Forgotten password" in library.visit().get("/knowledge?language=en").text


def test_an_article_with_all_that_is_known_of_it(library: Portal) -> None:
    """R125, R126: reading time, labels, day, closed for comments; the menu beside it."""
    page = library.visit().get("/knowledge/boleto")
    said = words(page.text)
    for part in ("9 min de leitura · atualizado em seg., 20 de out. de 2025", "boleto cobrança",
                 "Artigo fechado para comentários", "Não resolveu?", "Fiscal"):  # fmt: skip
        assert part in said, part
    nota = words(library.visit().get("/knowledge/nota").text)
    assert "Sem rótulos" in nota
    assert "Comentar este artigo por e-mail" in nota
    assert "Versões" not in nota


def test_versions_are_listed_once_there_are_two(library: Portal, tmp_path: Path) -> None:
    (tmp_path / "knowledge/nota.md").write_text("---\ntitle: Emitir nota\nupdated: 2025-11-01\n---\nNovo texto")
    import_folder(library.house.site)
    said = words(library.visit().get("/knowledge/nota").text)
    assert "Versões deste artigo (2) Versão 2, sáb., 1 de nov. de 2025 Versão 1," in said


def test_its_image_comes_from_our_own_origin(library: Portal) -> None:
    browser = library.visit()
    image = next(
        one for one in html5lib.parse(browser.get("/knowledge/boleto").text, namespaceHTMLElements=False).iter("img")
        if str(one.get("src")).startswith("files/")
    )  # fmt: skip
    assert (image.get("width"), image.get("height"), image.get("alt")) == ("64", "32", "Lista")
    answer = browser.get(f"/knowledge/{image.get('src')}")
    assert (answer.content, answer.headers["content-type"]) == (png(64, 32), "image/png")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    for path in ("/knowledge/files/" + "0" * 64, "/knowledge/files/..%2f..%2fmac.key", "/knowledge/files/boleto.md",
                 "/knowledge/files/" + "A" * 64, "/knowledge/../../etc/passwd"):  # fmt: skip
        assert browser.get(path).status_code == 404


def test_a_search_marks_the_words_and_escapes_them(library: Portal) -> None:
    page = library.visit().get("/knowledge?q=NOTA fiscais")
    assert '<a href="/knowledge/nota">Emitir &lt;b&gt;<mark>nota</mark>&lt;/b&gt; <mark>fiscal</mark></a>' in page.text
    evil = '"><script>alert(1)</script>'
    page = library.visit().get("/knowledge", params={"q": evil})
    assert page.status_code == 200
    assert evil not in page.text
    assert "Nenhum artigo tem essas palavras" in library.visit().get("/knowledge?q=xyzzy").text
    assert library.visit().get("/knowledge", params={"q": "a" * 5000}).status_code == 200


def test_html_in_an_article_is_text(library: Portal) -> None:
    page = library.visit().get("/knowledge/nota").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Emitir &lt;b&gt;nota&lt;/b&gt; fiscal" in page
    assert "<script>alert" not in page


def test_strangers_customers_and_agents(library: Portal) -> None:
    def seen(browser: object) -> list[int]:
        return [browser.get(f"/knowledge/{slug}").status_code for slug in ("boleto", "precos", "interno")]  # type: ignore[attr-defined]

    def found(browser: object) -> set[str]:
        answer = browser.get("/knowledge/suggest?q=certificado")  # type: ignore[attr-defined]
        return {one["url"] for one in answer.json()["articles"]}

    stranger, customer, by_link = library.visit(), opened(library), opened(library, BRUNO[1])
    agent = library.signed_in(BRUNO[1])
    assert seen(stranger) == [200, 404, 404]
    assert seen(customer) == [200, 200, 404]
    assert seen(by_link) == [200, 200, 404], "an agent's mail can be passed on"
    assert seen(agent) == [200, 200, 200]
    assert found(stranger) == {"/knowledge/nota"}
    assert found(customer) == {"/knowledge/nota", "/knowledge/precos"}
    assert found(agent) == {"/knowledge/nota", "/knowledge/precos", "/knowledge/interno"}
    same = {stranger.get(f"/knowledge/{slug}").text for slug in ("interno", "nada-disso")}
    assert len(same) == 1  # whether there is such an article is not told


def test_a_company_may_keep_it_for_customers(make_library: Callable[..., Portal]) -> None:
    portal = make_library(public="no")
    stranger = portal.visit()
    for path in ("/knowledge", "/knowledge/boleto", "/knowledge/nada"):
        answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2Fknowledge")
    assert stranger.get("/knowledge/suggest?q=boleto").json() == {"articles": []}
    assert opened(portal).get("/knowledge/boleto").status_code == 200  # type: ignore[attr-defined]


def test_suggestions_are_titles_and_bounded(library: Portal) -> None:
    browser = library.visit()
    answer = browser.get("/knowledge/suggest?q=segunda via do bol")
    assert answer.json() == {"articles": [
        {"title": "Segunda via do boleto", "url": "/knowledge/boleto", "note": "9 min de leitura", "language": "pt-BR"},
    ]}  # fmt: skip
    assert browser.get("/knowledge/suggest").json() == {"articles": []}
    codes = [browser.get("/knowledge/suggest?q=bo").status_code for _ in range(95)]
    assert codes[-1] == 429
    assert browser.get("/knowledge").status_code == 200


def test_reading_writes_nothing(library: Portal) -> None:
    browser = opened(library)
    before = library.state()
    for path in ("/knowledge", "/knowledge?q=boleto", "/knowledge/boleto", "/knowledge/suggest?q=boleto",
                 "/knowledge?section=Fiscal"):  # fmt: skip
        assert browser.get(path).status_code == 200  # type: ignore[attr-defined]
    assert library.state() == before
    assert browser.get("/knowledge?section=Nada").status_code == 404  # type: ignore[attr-defined]


def test_where_there_are_no_articles_there_is_no_page(portal: Portal) -> None:
    page = portal.visit().get("/knowledge")
    assert page.status_code == 404
    assert 'href="/knowledge"' not in page.text


def test_pages_are_small_and_quick(library: Portal, tmp_path: Path) -> None:
    for n in range(300):
        text = f"---\ntitle: Artigo {n} sobre certificados\nsection: Seção {n % 5}\n---\n" + f"Palavra{n} boleto. " * 40
        (tmp_path / f"knowledge/muito{n}.md").write_text(text, encoding="utf-8")
    import_folder(library.house.site)
    browser = library.visit()
    for path in ("/knowledge", "/knowledge?q=certificados boleto", "/knowledge/muito7", "/knowledge?section=Seção 1"):
        began = time.perf_counter()
        page = browser.get(path)
        assert page.status_code == 200
        assert len(page.content) < 60_000, path
        assert time.perf_counter() - began < 2
