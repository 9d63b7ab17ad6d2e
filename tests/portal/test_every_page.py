"""Every page that can be looked at, as each kind of visitor: both themes, weight, stillness, and by keyboard.

A new address of the portal has to find its place here: in `PLACES`, or in `NO_PAGES` with what is served there instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from mailgate.flows import inviting
from mailgate.flows.knowledge import import_folder
from mailgate.portal import app
from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import people, tickets
from tests.house import ANA, BRUNO, SUPPORT, plain_mail, png
from tests.portal.browsing import MOST_BYTES, Reader, reading, signed_in
from tests.portal.customers import LIA, VERA, change, organised
from tests.portal.letters import letter_to
from tests.unit.portal.accounts import fill
from tests.unit.portal.conftest import Portal, form_fields
from tests.unit.portal.test_pages import confirm_path
from tests.unit.portal.test_queue import held_ids

pytestmark = pytest.mark.integration

MARIA = ("Maria Gestora", "maria@vetor.test")
NEW = ("Novo Contato", "novo@vetor.test")
#: What is served there is no page.
NO_PAGES = {
    "/healthz", "/robots.txt", "/manifest.webmanifest", "/static/{name}", "/t/{token}", "/requests.csv",
    "/statistics.csv", "/knowledge/suggest", "/knowledge/files/{sha256}", "/tickets/{key}/files/{id:int}/{name}",
    "/tickets/{key}/files/{id:int}", "/tickets/{key}/comments/{id:int}/original",
    "/tickets/{key}/comments/{id:int}/raw",
}  # fmt: skip
ARTICLE = """---
title: Emitir nota fiscal
section: Fiscal
labels: [nota, fiscal]
---
## Passo a passo

1. Abra **Fiscal**.
2. Escolha *Emitir*.

| Código | O que fazer |
| --- | --- |
| 539 | Ajuste a série |

> Vale para todas as filiais.

`Ctrl+N` abre uma nova.
"""
STILL = """() => new Promise(done => {
  let sum = 0;
  const add = entries => { for (const one of entries) if (!one.hadRecentInput) sum += one.value; };
  const watch = new PerformanceObserver(list => add(list.getEntries()));
  watch.observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => { add(watch.takeRecords()); done(sum); }));
})"""
WEIGHT = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .filter(one => !one.name.includes("/files/")).reduce((sum, one) => sum + one.encodedBodySize, 0)"""
#: What a keyboard has to reach: of radio buttons one of each group.
CONTROLS = """() => {
  window.met = new Set();
  window.name_of = one => one.type === "radio" ? `radio ${one.form?.id} ${one.name}` : one;
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  window.wanted = new Set(all.filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled
    && one.type !== "hidden" && one.tabIndex >= 0).map(name_of));
  document.activeElement?.blur();
  return window.wanted.size;
}"""
#: The element with the focus; whether something shows that it has it, on itself, its label or its row.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || ["BODY", "HTML", "IFRAME"].includes(one.tagName)) return null;
  window.met.add(name_of(one));
  const marked = it => { const s = getComputedStyle(it); return s.boxShadow !== "none"
    || (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2); };
  const around = ["label", "tr", "li", ".card"].map(it => one.closest(it)).filter(Boolean);
  return {ok: [one, ...around].some(marked), html: one.outerHTML.slice(0, 160)};
}"""
MISSED = "() => [...wanted].filter(one => !met.has(one)).map(one => (one.outerHTML ?? one).slice(0, 160))"


def _places(portal: Portal) -> dict[str, list[tuple[str, str]]]:
    """visitor → (route, a path of it). What is in the mails is opened by whoever has it."""
    house, browser = portal.house, portal.visit()
    organised(portal, {LIA: "light", VERA: "master", MARIA: "sub_admin"}, shops=True)
    shown = '<p>A nota <b>não sai</b>:</p><p><img src="cid:t@x"></p>'
    house.receive(
        plain_mail(LIA, SUPPORT, "Nota recusada", "Veja.", html=shown, images=(("t@x", "png", png()),),
                   files=(("nota.xml", "text/xml", b"<a/>" * 99),))
    )  # fmt: skip
    for n, who in enumerate((VERA, LIA, MARIA, LIA), 2):
        portal.clock.advance(timedelta(minutes=9))
        house.receive(plain_mail(who, SUPPORT, f"Pedido {n} sobre o relatório de vendas", "Bom dia."))
    house.agent_answers("SUP-1", "Bom dia! Qual é a série?\n\n#pedir-info")
    house.agent_answers("SUP-3", "Feito.\n\n#resolvido")
    house.agent_answers("SUP-4", "Feito.\n\n#fechado")
    house.agent_answers("SUP-2", "Segue.\n\n#resolvido", proven=False)
    organised(portal, {NEW: "light"})
    change(portal, NEW[1], password=None, may=[])
    inviting.invite(house.site, NEW[1])
    inviting.ask_to_verify(house.site, NEW[1])
    house.receive(plain_mail(NEW, SUPPORT, "Sem permissão", "Quero falar."))
    fill(browser, "/login", "/enter", address=VERA[1])
    fill(browser, "/forgotten", address=VERA[1])
    own = portal.signed_in(VERA[1])
    token = form_fields(own.get("/profile").text)["token"]
    own.post("/profile/address", data={"token": token, "address": "vera.nova@vetor.test", "current": "x"})
    link = house.site.mint.read_access_token(house.token("SUP-4", MARIA[1]))
    assert link is not None
    base = portal.base
    mailed = [
        ("/invite/{token}", letter_to(portal, NEW[1], "N17").link("/invite/").removeprefix(base)),
        ("/verify/{token}", letter_to(portal, NEW[1], "N18").link("/verify/").removeprefix(base)),
        ("/enter/{token}", letter_to(portal, VERA[1], "LOGIN").link("/enter/").removeprefix(base)),
        ("/reset/{token}", letter_to(portal, VERA[1], "N3").link("/reset/").removeprefix(base)),
        ("/address/{token}", letter_to(portal, "vera.nova@vetor.test", "N18").link("/address/").removeprefix(base)),
        ("/rate/{token}", f"/rate/{house.site.mint.access_token(link, 'rate')}"),
        ("/stop/{token}", f"/stop/{house.site.mint.access_token(link, 'stop')}"),
        ("/confirm/{token}", confirm_path(portal)),
    ]
    with house.site.writer.database.read() as connection:
        comment = tickets.comments(connection, house.ticket("SUP-1").id)[0].id
        lia = people.contact_by_address(connection, LIA[1])
        assert lia is not None
    read = [("/knowledge", "/knowledge"), ("/knowledge", "/knowledge?q=nota"), ("/knowledge/{slug}", "/knowledge/nota")]
    ticket = [
        ("/tickets/{key}", "/tickets/SUP-1"), ("/tickets/{key}/comments/{id:int}", f"/tickets/SUP-1/comments/{comment}")
    ]  # fmt: skip
    new = [("/new", "/new"), ("/new", "/new?department=pdv-orcamento"),
           ("/new", "/new?department=pdv-orcamento&topic=reportar_falha"), ("/new/solved", "/new/solved")]  # fmt: skip
    member = [("/", "/"), ("/requests", "/requests"), *new, *read, ("/profile", "/profile"), *ticket,
              ("/tickets/{key}", "/tickets/SUP-3"), ("/profile/start", "/profile/start")]  # fmt: skip
    leader = [("/organisation", "/organisation"), ("/organisation/people", "/organisation/people"),
              ("/organisation/people/{id:int}", f"/organisation/people/{lia.id}"),
              ("/organisation/branches", "/organisation/branches"),
              ("/requests", "/requests?scope=all&state=aguardando_cliente&q=nota"),
              ("/requests", "/requests?q=nada")]  # fmt: skip
    return {
        "guest": [("/", "/"), ("/login", "/login"), ("/forgotten", "/forgotten"), *new, *read, *mailed,
                  ("/nowhere", "/nowhere"), ("/new/{key}", "")],
        "link": [*ticket, ("/", "/"), ("/requests", "/requests")],
        "light": [*member, ("/organisation", "/organisation")],
        "master": [*leader, ("/", "/"), ("/requests", "/requests?scope=all"), *ticket],
        "manager": [*leader[:1], ("/statistics", "/statistics"), ("/", "/"), ("/requests", "/requests?scope=all"),
                    ("/tickets/{key}", "/tickets/SUP-4"), ("/profile", "/profile")],
        "agent": [("/queue", "/queue"), ("/queue", "/queue?tab=unassigned"), ("/queue", "/queue?tab=held"),
                  ("/queue/held/{id:int}", f"/queue/held/{held_ids(portal)[-1]}"), *ticket,
                  ("/tickets/{key}/why", "/tickets/SUP-1/why"), ("/profile", "/profile"), *read[:1]],
    }  # fmt: skip


@pytest.fixture
def filled(make_portal: Callable[..., Portal], tmp_path: Path, quick: None) -> Portal:
    """A portal with everything that a page can show: guests, articles, short messages, people, tickets, held mails."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "nota.md").write_text(ARTICLE, encoding="utf-8")
    url = tmp_path / "whatsapp.url"
    url.write_text("json://127.0.0.1:9/{number}\n", encoding="utf-8")
    many = (Rate(100_000, timedelta(minutes=1)),)
    portal = make_portal(
        preset="zetti", guests="yes", knowledge={"folder": str(folder)}, channels={"whatsapp": {"url_file": str(url)}},
        bounds=PortalLimits(requests_per_token=many, requests_per_ip=many),
    )  # fmt: skip
    import_folder(portal.house.site)
    return portal


VISITORS = {"light": LIA, "master": VERA, "manager": MARIA, "agent": BRUNO}


def test_every_page_is_among_them(filled: Portal) -> None:
    known = {route for some in _places(filled).values() for route, _ in some} | NO_PAGES
    served = {one.path for one in app._routes() if "GET" in (one.methods or ())}
    assert served - known == set(), "pages that nobody looks at"
    assert known - served - {"/nowhere"} == set(), "pages that are gone"


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    "visitor",
    ["agent", *(pytest.param(x, marks=pytest.mark.long) for x in ("guest", "light", "link", "master", "manager"))],
)
def test_the_pages_of(visitor: str, chromium: Browser, filled: Portal) -> None:
    places = _places(filled)[visitor]
    faults: list[str] = []
    with reading(chromium, filled.base) as reader:
        if visitor in VISITORS:
            signed_in(reader, filled, VISITORS[visitor][1])
        elif visitor == "link":
            reader.opens(f"/t/{filled.house.token('SUP-1', LIA[1])}")
        for number, (_, path) in enumerate(places):
            where = path or _filed(reader, filled)
            faults += [f"{where}: {one}" for one in _look(reader, where)]
            name = re.sub(r"\W+", "-", re.sub(r"[\w-]{25,}", "", where)).strip("-") or "home"
            for width, height in ((390, 844), (1280, 900)):
                reader.page.set_viewport_size({"width": width, "height": height})
                reader.shoot(f"{visitor}-{number:02}-{name}")
    assert faults == [], "\n" + "\n".join(faults)


def _filed(reader: Reader, portal: Portal) -> str:
    """A guest's request, sent; the page that says so."""
    page = reader.opens("/new?department=comercial&topic=avaliacao_produto")
    portal.clock.advance(timedelta(seconds=30))
    for label, value in (("Seu nome", "Zé"), ("Seu e-mail", ANA[1]), ("Assunto", "Olá"), ("Descrição", "Quero ver.")):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Criar ticket").click()
    page.wait_for_url("**/new/SUP-*")
    return page.url.removeprefix(portal.base)


def _look(reader: Reader, path: str) -> list[str]:
    """What is wrong with a page, at a desk and on a phone, in the light and in the dark."""
    page = reader.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    answer = reader.page.goto(f"{reader.base}{path}")
    assert answer is not None
    found = []
    if answer.status >= 500:
        found.append(f"status {answer.status}")
    found += [one for one in reader.complaints if "the server responded with a status of 4" not in one]
    reader.complaints.clear()
    shift: float = page.evaluate(STILL)
    if shift > 0.01:  # a tenth of what Web Vitals calls good
        found.append(f"moves by {shift:.3f} while it loads")
    weight: int = page.evaluate(WEIGHT)
    if weight > MOST_BYTES:
        found.append(f"weighs {weight} bytes")
    found += reader.faults()
    heading = page.locator("h1").count()
    if heading != 1:
        found.append(f"{heading} first headings")
    found += _keyboard(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += [f"dark: {one}" for one in reader.faults(("color-contrast", "link-in-text-block"))]
    page.set_viewport_size({"width": 390, "height": 844})
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        found.append(f"phone: {wide} pixels too wide")
    found += [f"phone: {one}" for one in reader.faults(("color-contrast", "target-size"))]
    return found


def _keyboard(page: Any) -> list[str]:
    """Controls that Tab does not reach, and those that do not show that they have the focus."""
    count: int = page.evaluate(CONTROLS)
    dim: list[str] = []
    left: list[str] = ["?"]
    for _ in range(4):
        for _ in range(count + 2):
            page.keyboard.press("Tab")
            on: dict[str, Any] | None = page.evaluate(FOCUSED)
            if on is not None and not on["ok"] and on["html"] not in dim:
                dim.append(on["html"])
        left = page.evaluate(MISSED)
        if not left:
            break
    page.evaluate("document.activeElement.blur()")
    return [f"Tab does not reach {one}" for one in left] + [f"focus cannot be seen on {one}" for one in dim]
