"""A new request as people make it: strangers and members, phone and desk, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mailgate.flows.knowledge import import_folder
from store import tickets
from tests.house import CARMEN, png
from tests.integration.machine import wait_until
from tests.portal.browsing import Reader, Size, reading, signed_in
from tests.unit.portal.conftest import Portal
from tests.unit.portal.test_opening import ARTICLE, contact, organisation

pytestmark = pytest.mark.integration

PICTURE = {"name": "erro.png", "mimeType": "image/png", "buffer": png()}
BOTH = pytest.mark.parametrize(
    ("size", "scripts"), [("phone", True), ("phone", False), ("desk", True), ("desk", False)]
)
#: A file as a drop or a paste brings it.
CARRIES = """([kind, name]) => {
  const box = new DataTransfer();
  box.items.add(new File([new Uint8Array([137, 80, 78, 71])], name, {type: "image/png"}));
  const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: box, bubbles: true, cancelable: true})
    : new DragEvent("drop", {dataTransfer: box, bubbles: true, cancelable: true});
  document.getElementById("f-text").dispatchEvent(event);
}"""


def files_of(portal: Portal, key: str) -> list[str]:
    with portal.house.site.writer.database.read() as connection:
        first = tickets.comments(connection, portal.house.ticket(key).id)[0]
        return [one.filename for one in tickets.attachments(connection, [first.id])]


def forgiven(reader: Reader) -> Reader:
    """A browser writes down each 422, which is how a form comes back."""
    reader.complaints[:] = [one for one in reader.complaints if "422" not in one]
    return reader


def picks(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("link", name=name).first.click()


@BOTH
def test_a_stranger_opens_a_ticket(chromium: Browser, portal: Portal, size: Size, scripts: bool) -> None:
    suffix = "js" if scripts else "plain"
    with reading(chromium, portal.base, size, scripts=scripts) as stranger:
        page = stranger.opens("/")
        stranger.judge()
        stranger.shoot(f"landing-{suffix}")
        page.locator("main").get_by_role("link", name="Abrir novo ticket").click()
        stranger.judge()
        stranger.shoot(f"topics-{suffix}")
        picks(page, "Inconformidade")
        stranger.judge()
        portal.clock.advance(timedelta(seconds=30))
        page.get_by_label("Seu nome").fill("Fulano de Tal")
        page.get_by_label("Seu e-mail").fill("fulano@longe.test")
        page.get_by_label("Assunto").fill("Erro 42 na nota")
        page.get_by_label("Descrição").fill("Aparece o erro 42.")
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("Anexe a mensagem ou a tela do erro:").wait_for()
        forgiven(stranger).judge()
        stranger.shoot(f"refused-{suffix}")
        assert page.get_by_label("Descrição").input_value() == "Aparece o erro 42."
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE])  # type: ignore[list-item]
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("Recebemos a sua solicitação.").wait_for()
        forgiven(stranger).judge()
        stranger.shoot(f"filed-{suffix}")
        page.get_by_role("link", name="Abrir outra solicitação").click()
        assert page.url.endswith("/new")
    assert files_of(portal, "SUP-1") == ["erro.png"]
    with reading(chromium, portal.base, size, scripts=scripts) as reader:
        page = reader.opens(f"/t/{portal.house.token('SUP-1', 'fulano@longe.test')}")
        reader.judge()
        reader.shoot(f"vouch-{suffix}")
        page.get_by_role("button", name="Confirmar que fui eu").click()
        page.get_by_text("confirmado que foi você").wait_for()
        reader.judge()
    assert portal.house.ticket("SUP-1").verified


@BOTH
def test_a_shop_reports_a_fault(
    chromium: Browser, make_portal: Callable[..., Portal], size: Size, scripts: bool
) -> None:
    portal = make_portal(preset="zetti")
    own = organisation(portal, "Farmácia Vida", branches=3)
    contact(portal, branch_id=own[1])
    contact(portal, CARMEN)
    with reading(chromium, portal.base, size, scripts=scripts) as ana:
        signed_in(ana, portal, "ana@cliente.test")
        page = ana.opens("/new")
        ana.judge()
        picks(page, "PDV-Orçamento")
        ana.judge()
        picks(page, "Reportar falha")
        ana.judge()
        page.get_by_label("Assunto").fill("Caixa parado")
        page.get_by_label("Descrição").fill("Nada abre.")
        assert not page.get_by_label("Desde quando?").is_visible()
        page.get_by_label("sim").check()
        if not scripts:
            page.get_by_role("button", name="Criar ticket").click()
            page.get_by_text("Mais algumas perguntas").wait_for()
        page.get_by_label("Desde quando?").fill("2026-11-20")
        page.get_by_label("Filiais específicas").check()
        page.get_by_label("Farmácia Vida 3").check()
        page.get_by_text("Adicionar participantes").click()
        page.get_by_label("E-mail do participante 1").fill(CARMEN[1])
        forgiven(ana).judge()
        ana.shoot(f"form-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("SUP-1 foi criado.").wait_for()
        ana.judge()
        ana.shoot(f"created-{'js' if scripts else 'plain'}")
    ticket = portal.house.ticket("SUP-1")
    assert dict(ticket.fields) == {"parou": "yes", "desde": "2026-11-20"}
    with portal.house.site.writer.database.read() as connection:
        assert [branch for _, branch in tickets.shared_branches(connection, [ticket.id])] == [own[3]]
        assert [one.address for one in tickets.participants(connection, [ticket.id])] == [CARMEN[1]]


def test_files_are_dropped_pasted_removed_and_kept(chromium: Browser, portal: Portal) -> None:
    contact(portal)
    with reading(chromium, portal.base) as ana:
        signed_in(ana, portal, "ana@cliente.test")
        page = ana.opens("/new?topic=duvida")
        page.evaluate(CARRIES, ["drop", "solta.png"])
        page.evaluate(CARRIES, ["paste", "image.png"])
        page.get_by_label("Imagens e anexos").set_input_files(
            [PICTURE, {"name": "filme.mp4", "mimeType": "video/mp4", "buffer": b"x" * 2000}]  # type: ignore[list-item]
        )
        listed = page.locator(".chosen li")
        assert listed.count() == 4
        assert "solta.png" in listed.nth(0).inner_text()
        assert "print-" in listed.nth(1).inner_text()
        assert "Este precisa vir em .zip." in listed.nth(3).inner_text()
        assert listed.locator("img").count() == 3
        page.get_by_role("button", name="Remover: solta.png").focus()
        page.keyboard.press("Enter")
        assert listed.count() == 3
        ana.judge()
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("Ainda falta algo.").wait_for()
        assert listed.count() == 3, "what was chosen stays when the form comes back"
        page.get_by_role("button", name="Remover: filme.mp4").click()
        page.get_by_label("Assunto").fill("Como faço")
        page.get_by_label("Descrição").fill("A tela está na imagem.")
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("SUP-1 foi criado.").wait_for()
        forgiven(ana).judge()
        page.get_by_label("Sua mensagem").fill("Mais uma imagem.")
        page.get_by_label("Imagens e anexos").set_input_files([PICTURE])  # type: ignore[list-item]
        page.get_by_role("button", name="Enviar resposta").click()
        page.get_by_text("Mais uma imagem.").wait_for()
        ana.judge()
    kept = files_of(portal, "SUP-1")
    assert kept[1:] == ["erro.png"]
    assert kept[0].startswith("print-")


def test_a_file_on_its_way_shows_how_far_it_is(chromium: Browser, portal: Portal) -> None:
    """On a slow line: a bar that grows, no second sending, and no bar before or after."""
    contact(portal)
    photo = {**PICTURE, "name": "foto.png", "buffer": png() + bytes(150_000)}
    with reading(chromium, portal.base, "phone") as ana:
        signed_in(ana, portal, "ana@cliente.test")
        page = ana.opens("/new?topic=duvida")
        bar = page.get_by_role("progressbar")
        assert not bar.is_visible()
        page.get_by_label("Imagens e anexos").set_input_files([photo])  # type: ignore[list-item]
        page.get_by_label("Assunto").fill("Foto")
        page.get_by_label("Descrição").fill("A tela está na foto.")
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        button = page.get_by_role("button", name="Criar ticket")
        button.click()
        bar.wait_for()
        wait_until(lambda: 0 < float(bar.evaluate("bar => bar.value")) < 100, 20, "a bar that grows", every=0.02)
        button.click(force=True)
        ana.judge()
        page.get_by_text("SUP-1 foi criado.").wait_for()
        assert not bar.is_visible()
        ana.judge()
    assert files_of(portal, "SUP-1") == ["foto.png"]
    with portal.house.site.writer.database.read() as connection:
        assert tickets.by_key(connection, "SUP-2") is None, "it was sent once"


def test_the_camera_is_offered_on_a_phone(chromium: Browser, portal: Portal) -> None:
    contact(portal)
    for size, seen in (("phone", True), ("desk", False)):
        with reading(chromium, portal.base, size) as ana:  # type: ignore[arg-type]
            signed_in(ana, portal, "ana@cliente.test")
            page = ana.opens("/new?topic=duvida")
            assert page.get_by_label("Tirar foto").is_visible() == seen
            assert page.locator("input[capture]").get_attribute("accept") == "image/*"


@pytest.mark.parametrize("scripts", [True, False])
def test_articles_come_while_one_types_and_before_it_is_sent(
    chromium: Browser, make_portal: Callable[..., Portal], tmp_path: Path, scripts: bool
) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "erro-42.md").write_text(ARTICLE, encoding="utf-8")
    portal = make_portal(knowledge={"folder": str(tmp_path / "knowledge")})
    import_folder(portal.house.site)
    contact(portal)
    with reading(chromium, portal.base, scripts=scripts) as ana:
        signed_in(ana, portal, "ana@cliente.test")
        page = ana.opens("/new?topic=duvida")
        page.get_by_label("Assunto").press_sequentially("Erro 42 na nota")
        if scripts:
            page.locator("#new-found").get_by_role("link", name="Erro 42 ao emitir nota fiscal").wait_for()
            ana.judge()
        page.get_by_label("Descrição").fill("Aparece o erro 42 ao emitir a nota fiscal.")
        page.get_by_role("button", name="Criar ticket").click()
        page.get_by_text("Isto resolveu?").wait_for()
        ana.judge()
        ana.shoot(f"solves-{'js' if scripts else 'plain'}")
        page.get_by_role("button", name="Não resolveu: abrir ticket").first.click()
        page.get_by_text("SUP-1 foi criado.").wait_for()
        ana.judge()
