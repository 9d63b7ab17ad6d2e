"""What people wrote stays text; files stay files; every answer carries its headers; errors are pages."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import html5lib
import pytest

from mailgate.i18n import Translations
from mailgate.portal.desk import accepted_languages
from mailgate.portal.filepages import disposition
from mailgate.portal.shield import redacted
from store import people, tickets
from store.errors import StoreUnavailable
from store.vocabulary import Channel
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail, png
from tests.unit.portal.conftest import TEMPLATES, Portal, form_fields, words

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
EVIL_HTML = (
    "<p onclick=x>Oi<script>alert(1)</script><style>body{display:none}</style><img src='http://evil.test/p.gif'>"
    "<img src='cid:a@x' onload=x style='width:9px'><a href='javascript:alert(1)'>a</a><iframe src=//evil.test></iframe>"
    "<svg onload=x></svg><form action=//evil.test><input name=q></form><base href=//evil.test><link rel=stylesheet "
    'href=//evil.test><div style="background:url(//evil.test/x)">fim</div><math>'
    "<a xlink:href='javascript:x'>m</a></math>"
)


def elements(page: str) -> Iterator[tuple[str, dict[str, str]]]:
    for one in html5lib.parse(page, namespaceHTMLElements=False).iter():
        if isinstance(one.tag, str):
            yield one.tag, one.attrib


def assert_harmless(page: str) -> None:
    """As a browser would read it: nothing that runs, nothing from elsewhere."""
    for tag, attributes in elements(page):
        assert tag not in {"style", "object", "embed", "math", "applet"}, tag
        if tag == "script":  # of our own, as files
            assert attributes.get("src", "").startswith("/static/"), attributes
        if tag == "svg":  # our small drawings
            assert attributes.get("class") in ("sign", "bars"), attributes
        for name, value in attributes.items():
            assert not name.lower().startswith("on"), (tag, name)
            assert "javascript:" not in value.lower(), (tag, name, value)
            if name in ("src", "action", "srcset", "background", "formaction") or (
                tag in ("link", "base") and name == "href"
            ):
                assert value.startswith("/"), (tag, name, value)


@pytest.fixture
def hostile(portal: Portal) -> Portal:
    mail = plain_mail(
        ("Ana", ANA[1]), SUPPORT, EVIL, f"{EVIL} {{{{7*7}}}} {{% raw %}}", html=EVIL_HTML,
        images=[("a@x", "png", png())],
        files=[
            ('"><script>x.svg', "image/svg+xml", b"<svg onload=alert(1) xmlns='http://www.w3.org/2000/svg'/>"),
            ("pagina.html", "text/html", b"<script>alert(1)</script>"),
            ("falsa.png", "image/png", b"<html><script>alert(1)</script>"),
            ("nota fiscal çã.pdf", "application/pdf", b"%PDF-1.4 x"),
        ],
    )  # fmt: skip
    portal.house.receive(mail)
    contact = portal.house.ticket("SUP-1").requester_id
    portal.house.site.writer.call(lambda c: people.change_contact(c, contact, name=EVIL))
    return portal


def test_what_people_wrote_stays_text(hostile: Portal) -> None:
    browser = hostile.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    comment = re.findall(r"/tickets/SUP-1/comments/(\d+)", page)[0]
    pages = [page]
    pages += [browser.get(f"/tickets/SUP-1{rest}").text for rest in (f"?text={comment}", f"/comments/{comment}")]
    original = browser.get(f"/tickets/SUP-1/comments/{comment}/original")
    for one in (*pages, original.text):
        assert_harmless(one)
        assert "evil.test" not in re.sub(r"&lt;.*?&gt;", "", one)
    assert "{{7*7}}" in pages[1]
    assert "49" not in words(pages[1])
    assert "sandbox" in original.headers["content-security-policy"]
    assert "allow-scripts" not in original.headers["content-security-policy"]
    assert "default-src 'none'" in original.headers["content-security-policy"]
    assert "style" not in {name for _, attributes in elements(page) for name in attributes}
    browser.post("/tickets/SUP-1/comments", data={**form_fields(page), "text": EVIL})
    assert_harmless(browser.get("/tickets/SUP-1").text)


def test_files_are_files(hostile: Portal) -> None:
    browser = hostile.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    answers = [browser.get(url) for url in dict.fromkeys(re.findall(r'"(/tickets/SUP-1/files/[^"]+)"', page))]
    found = {
        (a.headers["content-type"].partition(";")[0], a.headers["content-disposition"].partition(";")[0])
        for a in answers
    }
    assert found == {
        ("image/png", "inline"),
        ("application/octet-stream", "attachment"),
        ("application/pdf", "attachment"),
    }
    assert len(answers) == 5
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in answer.headers["cache-control"]
        assert "etag" not in answer.headers
        assert "last-modified" not in answer.headers
    names = " ".join(a.headers["content-disposition"] for a in answers)
    assert "filename*=UTF-8''nota%20fiscal%20%C3%A7%C3%A3.pdf" in names


def test_a_file_of_a_note_is_nowhere(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    mail = plain_mail(BRUNO, SUPPORT, "Re: [SUP-1]", "#nota só para nós", files=[("segredo.txt", "text/plain", b"x")])
    portal.house.receive(mail, [portal.house.agents_copy("SUP-1")])
    with portal.house.site.writer.database.read() as connection:
        ticket = portal.house.ticket("SUP-1")
        note = next(c for c in tickets.comments(connection, ticket.id) if c.kind == "note")
        file = tickets.attachments(connection, [note.id])[0]
    browser = portal.opened("SUP-1")
    assert browser.get(f"/tickets/SUP-1/files/{file.id}/segredo.txt").status_code == 404
    assert browser.get(f"/tickets/SUP-1/comments/{note.id}").status_code == 404
    assert "segredo" not in browser.get("/tickets/SUP-1").text


def test_images_stand_where_they_were(portal: Portal) -> None:
    house = portal.house
    house.receive(
        plain_mail(
            ANA, SUPPORT, "Erro", "antes [image: tela.png] depois", html='<p>antes <img src="cid:tela@x"> depois</p>',
            images=[("tela@x", "png", png())],
        )
    )  # fmt: skip
    browser = portal.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    picture = r'<img src="/tickets/SUP-1/files/\d+/tela\.png" alt="tela\.png" width="320" height="180" loading="lazy">'
    in_place = f"antes {picture} depois"
    assert re.search(in_place, page)
    assert 'class="pictures"' not in page
    comment = re.findall(r"text=(\d+)", page)[0]
    plain = browser.get(f"/tickets/SUP-1?text={comment}").text
    assert re.search(in_place, plain)
    original = browser.get(f"/tickets/SUP-1/comments/{comment}/original").text
    assert re.search(r'<img src="/tickets/SUP-1/files/\d+/tela\.png"', original)


def test_a_quoted_notice_opens_no_door(portal: Portal) -> None:
    """Who may see the ticket reads the quote in it, but not the link and the reply address of somebody else."""
    house = portal.house
    house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    token, copy = house.token("SUP-1"), house.agents_copy("SUP-1")
    quote = f"Em 5 de nov. de 2025, Suporte <{copy}> escreveu:\n> Acompanhe: {portal.base}/t/{token}\n"
    html = f"<p>Certo.</p><div>Em 5 de nov. de 2025, Suporte &lt;{copy}&gt; escreveu:</div>"
    html += f"<a href='{portal.base}/t/{token}'>x</a>"
    house.receive(plain_mail(ANA, SUPPORT, "Re: Erro [SUP-1]", f"Certo.\n\n{quote}", html=html))
    browser = portal.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    assert "Acompanhe" in page
    comment = re.findall(r"comments/(\d+)", page)[-1]
    for one in (page, browser.get(f"/tickets/SUP-1/comments/{comment}/original").text):
        assert "Certo." in one
        assert token not in one
        assert copy.partition("+")[2].partition("@")[0] not in one


def test_what_an_agent_quotes_is_not_shown(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    portal.house.agent_answers("SUP-1", "Resposta.\n\n--- Responda acima desta linha ---\n\nNota interna do aviso")
    page = portal.opened("SUP-1").get("/tickets/SUP-1").text
    assert "Resposta." in page
    assert "Nota interna" not in page


def test_others_see_names_and_not_addresses(portal: Portal) -> None:
    house = portal.house
    house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    house.receive(plain_mail(CARMEN, SUPPORT, "Otro", "Hola"))
    carmen, ticket = house.ticket("SUP-2").requester_id, house.ticket("SUP-1")
    house.site.writer.call(lambda c: people.add_participant(c, ticket.id, carmen, portal.clock()))
    house.agent_answers("SUP-1", "Olá, Ana e Carmen.")
    ana = words(portal.opened("SUP-1").get("/tickets/SUP-1").text)
    carmens = words(portal.opened("SUP-1", CARMEN[1], "es").get("/tickets/SUP-1").text)
    assert "ana@cliente.test" in ana
    assert "carmen@cliente.test" not in ana
    assert "También lo siguen" in carmens
    assert "carmen@cliente.test" in carmens
    assert "ana@cliente.test" not in carmens
    assert BRUNO[1] not in ana + carmens


def test_every_page_has_its_headers(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    for path in ("/", "/tickets/SUP-1", "/nada", "/t/x", "/confirm/x", "/links"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-robots-tag"].startswith("noindex")
        assert "etag" not in headers
    page = browser.get("/").text
    css = re.findall(r'href="(/static/portal-[0-9a-f]{16}\.css)"', page)[0]
    style = browser.get(css)
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    assert browser.get("/static/portal.css").status_code == 404
    assert browser.get("/static/..%2fbase.html").status_code == 404


def test_a_forged_host_is_refused(portal: Portal) -> None:
    port = urlsplit(portal.base).port
    for host in ("evil.test", f"evil.test:{port}", "127.0.0.1", "", f"127.0.0.1:{port}@evil.test"):
        assert portal.visit().get("/", headers={"Host": host}).status_code == 400, host
    assert portal.visit().get("/healthz", headers={"Host": "10.0.0.1"}).text == "ok\n"
    connection = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    for host in (f"127.0.0.1:{port}", "evil.test"):
        connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_odd_requests(portal: Portal) -> None:
    browser = portal.visit()
    assert browser.get("/?" + "a" * 9000).status_code == 414
    assert browser.get("/", headers={"X-Long": "a" * 40_000}).status_code in (400, 431)
    assert browser.put("/").status_code == 405
    assert browser.post("/tickets/SUP-1").status_code == 405
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    for path in (
        "/tickets/SUP-1/files/../../etc/passwd",
        "/tickets/SUP-1/comments/99999999999999999999999",
        "/tickets/%2e%2e/files/1/x",
        "/tickets/SUP-1/files/99999999999999999999999/x",
        "/tickets/" + "A" * 500,
    ):
        assert browser.get(path).status_code in (404, 400), path
    bad = browser.post("/links", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert bad.status_code in (200, 400)
    assert browser.post("/links", content=b"\xff\xfe=%zz&" * 3).status_code in (200, 400)


def test_a_form_is_in_utf_8(portal: Portal) -> None:
    """Python's codecs are not for strangers to choose: one of them stopped all pages, and the taking of mail, for half
    a minute a field, others made texts that are none."""
    browser = portal.visit()
    slow = "a" * 20_000 + "-" + "a" * 20_000
    body = f'--X\r\nContent-Disposition: form-data; name="x-"\r\n\r\n{slow}\r\n--X--\r\n'
    for charset in ("punycode", "PUNYCODE", '"punycode"', "utf-7", "undefined", "latin-1", ""):
        kind = f"multipart/form-data; boundary=X; charset={charset}"
        began = time.perf_counter()
        assert browser.post("/new", content=body, headers={"Content-Type": kind}).status_code == 415, charset
        assert time.perf_counter() - began < 1, charset
    for charset in ("utf-8", "UTF-8"):
        kind = f"multipart/form-data; boundary=X; charset={charset}"
        assert browser.post("/new", content=body, headers={"Content-Type": kind}).status_code == 200
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        assert browser.post("/new", content="text=a", headers={"Content-Type": kind}).status_code == 200


def test_the_database_away(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    database = portal.house.site.writer.database

    def away() -> None:
        raise StoreUnavailable("the database does not work: secret host name")

    for path, method in (("/tickets/SUP-1", "GET"), ("/t/" + "A" * 32, "GET"), ("/links", "POST")):
        with monkeypatch.context() as patched:
            patched.setattr(type(database), "_transaction", lambda *a: away())
            answer = browser.request(
                method, path, data={"address": "a@b.test", "key": "1"} if method == "POST" else None
            )
        assert answer.status_code == 503, path
        assert answer.headers["retry-after"]
        assert "Voltamos já" in words(answer.text)
        assert "secret" not in answer.text
    assert browser.get("/tickets/SUP-1").status_code == 200


def test_a_fault_of_ours_is_a_page(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    browser = portal.opened("SUP-1")
    monkeypatch.setattr("mailgate.portal.ticketpages.ticket_page", lambda *a: 1 / 0)
    answer = browser.get("/tickets/SUP-1")
    assert answer.status_code == 500
    assert "Algo falhou do nosso lado" in words(answer.text)
    assert "ZeroDivision" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


# --- the agent's confirmation ----------------------------------------------------------------------------------------


def confirm_path(portal: Portal) -> str:
    row = portal.house.outbox("CONFIRM")[-1]
    link_id = int(re.findall(r'"confirm_id":(\d+)', row.body)[0])
    return "/confirm/" + portal.house.site.mint.access_token(link_id, "confirm")


def test_an_agent_confirms_by_post(portal: Portal) -> None:
    house = portal.house
    house.receive(plain_mail(ANA, SUPPORT, "Erro <b>", "Bom dia"))
    house.agent_answers("SUP-1", "Texto sem prova <i>.", proven=False)
    path = confirm_path(portal)
    browser = portal.visit()
    before = portal.state()
    for method in ("GET", "HEAD", "GET"):
        assert browser.request(method, path).status_code == 200
    assert portal.state() == before
    page = browser.get(path).text
    for shown in ("SUP-1", "Erro <b>", "Texto sem prova <i>.", "Ana Souza"):
        assert shown in words(page)
    done = browser.post(path, data=form_fields(page))
    assert "Resposta confirmada" in words(done.text)
    assert [s.key for s in house.work()] == ["SUP-1"]
    assert "Texto sem prova" in portal.opened("SUP-1").get("/tickets/SUP-1").text
    again = (browser.post(path), browser.get(path))
    assert [a.status_code for a in again] == [410, 410]
    assert "já foi confirmada" in words(again[0].text)
    assert house.work() == []


def test_a_confirm_link_expires(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    portal.house.agent_answers("SUP-1", "Sem prova.", proven=False)
    path = confirm_path(portal)
    portal.clock.advance(timedelta(days=8))
    for answer in (portal.visit().get(path), portal.visit().post(path)):
        assert answer.status_code == 410
        assert "expirou" in words(answer.text)
    assert portal.house.work() == []


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language", "title"),
    [
        ("pt-PT,pt;q=0.9,en;q=0.5", "pt-BR", "Como podemos ajudar?"),
        ("de, en-GB;q=0.8, pt;q=0.2", "en", "How can we help?"),
        ("es-MX", "es", "¿Cómo podemos ayudar?"),
        ("fr,zh", "pt-BR", "Como podemos ajudar?"),
        ("", "pt-BR", "Como podemos ajudar?"),
        ("en;q=0, es;q=x, ;;;,", "pt-BR", "Como podemos ajudar?"),
    ],
)
def test_the_browsers_language(portal: Portal, accepted: str, language: str, title: str) -> None:
    page = portal.visit(accepted).get("/")
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-language"] == language
    assert title in words(page.text)


def test_a_persons_own_language_comes_first(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    contact = portal.house.ticket("SUP-1").requester_id
    portal.house.site.writer.call(lambda c: people.change_contact(c, contact, language="es"))
    assert "Próxima verificación" in portal.opened("SUP-1").get("/tickets/SUP-1").text


def test_accepted_languages() -> None:
    assert accepted_languages("en;q=0.5, pt-BR, *;q=0.1, es;q=0.7") == ["pt-BR", "es", "en"]


def test_every_text_a_page_asks_for_exists_and_every_text_is_asked_for() -> None:
    known = {
        key for key in Translations.load(TEMPLATES / "translations").by_language["pt-BR"] if key.startswith("page.")
    }
    code = "\n".join(path.read_text(encoding="utf-8") for path in (TEMPLATES / "portal").glob("*.html"))
    asked = set(re.findall(r"""t\('(page\.[a-z0-9_.]*[a-z0-9])'""", code))
    assert asked <= known
    built = {"page.label.", "page.channel.", "page.next.", "page.error.", "page.mark.", "page.kind.", "page.menu."}
    built |= {"page.people.", "page.may.", "page.new.", "page.stats.", "page.knowledge.language.", "page.profile."}
    built |= {"page.event.", "page.done.", "page.queue.", "page.visibility.", "page.involved.error."}
    built |= {"page.desk."}
    built |= {"page.list.", "page.column.", "page.priority.", "page.welcome.recent_"}
    app = "\n".join(path.read_text() for path in (Path(__file__).parents[3] / "mailgate/portal").glob("*.py"))
    asked |= set(re.findall(r"""t\("(page\.[a-z0-9_.]*[a-z0-9])"[,)]""", app))
    named = {f"page.{name}" for name in re.findall(r'(?:message\(|close\(desk, )request, f?"([a-z0-9_]+)', app)}
    named |= {f"page.{number}" for number in re.findall(r"\b[45]\d\d\b", app)}
    left = {k for k in known - asked if not k.startswith(tuple(built)) and not k.startswith(tuple(named))}
    assert left == set()
    assert {f"page.channel.{channel}" for channel in Channel} <= known


def test_the_log_holds_no_token() -> None:
    assert redacted("/t/abc") == "/t/…"
    assert redacted("/confirm/abc") == "/confirm/…"
    assert redacted("/tickets/SUP-1/files/12/segredo.txt") == "/tickets/SUP-1/files/12"


def test_names_in_headers() -> None:
    assert disposition("a.pdf", inline=False) == 'attachment; filename="a.pdf"'
    assert disposition('ção"\r\n.png', inline=True) == (
        "inline; filename=\"__o___.png\"; filename*=UTF-8''%C3%A7%C3%A3o%22%0D%0A.png"
    )


def test_a_companys_logo(make_portal: Callable[..., Portal], tmp_path: Path) -> None:
    """Mails name it `/static/logo`, and a webmail shows it."""
    logo = tmp_path / "logo.png"
    logo.write_bytes(png())
    portal = make_portal(logo=logo)
    answer = portal.visit().get("/static/logo")
    assert (answer.headers["content-type"], answer.content) == ("image/png", png())
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    shown = re.findall(
        r'<img src="(/static/logo-[0-9a-f]+[.]png)" alt="Exemplo Sistemas"', portal.visit().get("/").text
    )
    assert portal.visit().get(shown[0]).content == png()


def test_a_base_url_with_a_path(make_portal: Callable[..., Portal]) -> None:
    """Whether the proxy takes the path off or not."""
    portal = make_portal(base_url="https://example.test/suporte")
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Bom dia"))
    for prefix in ("", "/suporte"):
        browser = portal.visit(Host="example.test")
        answer = browser.get(f"{prefix}/t/{portal.house.token('SUP-1')}")
        assert answer.headers["location"] == "/suporte/tickets/SUP-1"
        cookie = answer.headers["set-cookie"].partition(";")[0]
        page = browser.get(f"{prefix}/tickets/SUP-1", headers={"Cookie": cookie}).text
        assert 'action="/suporte/tickets/SUP-1/comments#reply-text"' in page
        css = re.findall(r'href="(/suporte/static/portal-[^"]+)"', page)[0]
        assert browser.get(css).status_code == 200
