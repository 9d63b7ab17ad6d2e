"""The link in the mail, opened in a real browser: on a phone, in the dark, with the keyboard, without a script."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.house import ANA, SUPPORT, plain_mail, png
from tests.unit.portal.conftest import Portal, make_portal, portal  # noqa: F401

HTML = (
    '<div style="font-family:Calibri;color:#1f497d"><p>Bom dia,</p><p>aparece esta mensagem:</p>'
    '<p><img src="cid:tela@x" onerror="document.title=1"></p><script>document.title="dono"</script><p>Obrigada, Ana</p>'
    "<table border=1><tr><td>Filial de Campinas com um nome comprido</td><td>não</td></tr></table></div>"
)
#: The lowest contrast of any text on the page against what is painted behind it, with the text it belongs to.
CONTRAST = """() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] === 1) return c.slice(0, 3) } return [255, 255, 255] };
  let worst = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility()) continue;
    const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, node.data.trim()];
  }
  return worst;
}"""
BROKEN_IMAGES = """async () => {
  const all = [...document.images];
  all.forEach(i => i.loading = 'eager');
  await Promise.all(all.map(i => i.complete || new Promise(r => { i.onload = i.onerror = r })));
  return [all.length, all.filter(i => !i.naturalWidth).length];
}"""


@pytest.fixture
def talk(portal: Portal) -> Portal:  # noqa: F811
    """SUP-1: a mail with an image in its HTML, an answer that resolves, an unverified mail."""
    house = portal.house
    house.receive(
        plain_mail(
            ANA, SUPPORT, "Erro ao emitir nota fiscal na filial", "Bom dia", html=HTML,
            images=[("tela@x", "png", png())],
            files=[("captura.png", "image/png", png(200, 100, (200, 60, 60))), ("log.txt", "text/plain", b"linha\n")],
        )
    )  # fmt: skip
    portal.clock.advance(timedelta(minutes=30))
    house.agent_answers("SUP-1", "Olá, Ana!\n\nVeja https://example.test/ajuda\n\n#resolvido")
    house.receive(plain_mail(ANA, SUPPORT, "Re: Erro [SUP-1]", "Alguma novidade?", verified=False))
    return portal


def watched(page: Page) -> list[str]:
    """Whatever the browser complains about, policy violations among it."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_the_customer_reads_and_answers(page: Page, talk: Portal) -> None:
    complaints = watched(page)
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    assert page.url == f"{talk.base}/tickets/SUP-1"
    assert page.title().startswith("SUP-1 · Erro ao emitir")
    assert page.get_by_role("heading", level=1).inner_text() == "Erro ao emitir nota fiscal na filial"
    assert page.evaluate(BROKEN_IMAGES) == [2, 0]
    page.get_by_role("link", name="Ver só o texto").click()
    assert page.get_by_role("link", name="Ver com imagens").is_visible()
    page.get_by_role("textbox", name="Sua mensagem").fill("Ainda não funciona.\nVeja a tela.")
    upload = {"name": "tela.png", "mimeType": "image/png", "buffer": png()}
    page.get_by_label("Imagens e anexos").set_input_files([upload])  # type: ignore[list-item]
    page.get_by_role("button", name="Enviar resposta").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{talk.base}/tickets/SUP-1#last")
    last = page.get_by_role("article").last
    assert "Ainda não funciona." in last.inner_text()
    assert last.get_by_role("img", name="tela.png").count() == 1
    assert last.is_visible()
    assert "Reaberto" in page.locator(".pill").inner_text()
    assert page.evaluate(BROKEN_IMAGES) == [3, 0]
    assert complaints == []


def test_an_empty_answer_is_explained_where_it_happened(page: Page, talk: Portal) -> None:
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    page.get_by_role("button", name="Enviar resposta").click()
    assert page.get_by_role("alert").inner_text() == "Escreva uma mensagem ou escolha um arquivo."
    focused = page.evaluate("document.activeElement.id + ' ' + document.activeElement.getAttribute('role')")
    assert focused in ("reply-text null", "reply-error alert"), focused


def test_the_mail_as_it_was_sent(page: Page, talk: Portal) -> None:
    complaints = watched(page)
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    page.get_by_role("link", name="Ver como foi enviada").first.click()
    frame = page.frame_locator("iframe")
    frame.get_by_text("Obrigada, Ana").wait_for()
    inner = page.frames[1]
    assert inner.evaluate(BROKEN_IMAGES) == [1, 0]
    assert inner.evaluate("getComputedStyle(document.querySelector('div')).color") == "rgb(31, 73, 125)"
    assert inner.evaluate("document.scripts.length") == 0
    page.get_by_role("link", name="Voltar para SUP-1").click()
    page.wait_for_url(f"{talk.base}/tickets/SUP-1#c*")
    assert complaints == []


def test_a_script_that_got_this_far_would_not_run(page: Page, talk: Portal) -> None:
    """The policies hold by themselves, whatever the cleaning let through."""
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    page.get_by_role("link", name="Ver como foi enviada").first.click()
    page.frame_locator("iframe").get_by_text("Obrigada, Ana").wait_for()
    for frame in page.frames:
        frame.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " document.body.append(s); const i = new Image(); i.src = 'https://evil.test/x.png'; }"
        )
        assert frame.evaluate("window.ran") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_and_can_be_read(chromium: Browser, talk: Portal, width: int, scheme: Any) -> None:
    context = chromium.new_context(locale="pt-BR", viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    for path in ("/tickets/SUP-1", "/", "/nada", "/tickets/SUP-1?all"):
        page.goto(talk.base + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        ratio, text = page.evaluate(CONTRAST)
        assert ratio >= 4.5, (path, ratio, text)
    context.close()


def test_a_screen_reader_finds_its_way(page: Page, talk: Portal) -> None:
    page.goto(f"{talk.base}/t/{talk.house.token('SUP-1')}")
    assert page.evaluate("document.documentElement.lang") == "pt-BR"
    for role in ("banner", "main", "contentinfo", "complementary", "form"):
        assert page.get_by_role(role).count() == 1, role  # type: ignore[arg-type]
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    unnamed = """[...document.querySelectorAll('input:not([type=hidden]),textarea')]
        .filter(e => !e.labels.length && !e.getAttribute('aria-label')).length"""
    assert page.evaluate(unnamed) == 0
    assert page.evaluate("[...document.images].filter(i => !i.hasAttribute('alt')).length") == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Ir para o conteúdo"


def test_without_scripts(chromium: Browser, talk: Portal) -> None:
    context = chromium.new_context(locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(talk.base)
    page.get_by_label("Your e-mail address").fill(ANA[1])
    page.get_by_label("Ticket number").fill("SUP-1")
    page.get_by_role("button", name="Send me the link").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Check your e-mail"
    context.close()
