"""A town to attack: two companies, everybody who may or may not look at something, and one of each thing to look at.

`Town.ask` sends a request as somebody and looks at what every answer has to have. `Town.routes` are those of the app
itself, so that a page that is added tomorrow is attacked tomorrow.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from starlette.routing import Route

from mailgate.flows import directory, inviting, sessions, signing
from mailgate.flows.knowledge import import_folder
from mailgate.flows.sessions import Came, Person
from mailgate.portal.app import make_app
from mailgate.portal.limits import PortalLimits
from store import links, people, tickets
from store.tables import ATTACHMENT, JOURNAL
from tests.conftest import SettableClock
from tests.house import BRUNO, SUPPORT, House, make_site, plain_mail, png
from tests.integration.machine import free_port
from tests.unit.portal.conftest import _COMPILED, TEMPLATES, WORDS, Busy, Portal

OLGA = ("Olga Prado", "olga@outra.test")  # the victim, master of another company
ANA = ("Ana Souza", "ana@cliente.test")  # master
LIA = ("Lia Reis", "lia@cliente.test")  # light
TITO = ("Tito Leal", "tito@contador.test")  # from outside, for Ana's company
EVA = ("Eva Dias", "eva@cliente.test")  # was switched off
ELZA = ("Elza", "elza@example.test")  # was an agent
#: No limit of rates: what is tried here is tried thousands of times.
UNBOUND = PortalLimits(misses=(), logins=(), resets=(), requests_per_token=(), requests_per_ip=(), guest_tickets=())
ARTICLES = {
    "publico.md": "---\ntitle: Para todos\n---\nTexto.\n",
    "cliente.md": "---\ntitle: Para clientes\nvisibility: customers\n---\n![x](a.png)\n",
    "interno.md": "---\ntitle: Roteiro interno\nvisibility: agents\n---\nSegredo da casa.\n",
}
SECRET = "palavra-secreta-da-olga"
GHOST_ID = 4242424242424242
GHOST_KEY = "SUP-98765"
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}
#: What may be kept by a browser: our own files and the manifest. `/knowledge/files` may be by the reader's own.
KEPT = ("/static/", "/manifest.webmanifest", "/knowledge/files/")


@dataclass
class Town:
    """The house with its portal, its people's browsers, and the ids of what is Olga's."""

    portal: Portal
    app: Busy
    port: int
    routes: list[Route]
    browsers: dict[str, httpx.Client] = field(default_factory=dict)
    slowest: float = 0.0
    own: dict[str, str] = field(default_factory=dict)
    olgas: dict[str, int] = field(default_factory=dict)

    @property
    def house(self) -> House:
        return self.portal.house

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request as somebody: never a fault of ours, never without its headers, never slow."""
        began = time.perf_counter()
        answer = self.browsers[who].request(method, path, **more)
        self.slowest = max(self.slowest, time.perf_counter() - began)
        assert answer.status_code < 500, (who, method, path, answer.status_code, more)
        if answer.status_code != 400 or answer.headers.get("content-security-policy"):  # h11 refuses some by itself
            for name, value in HEADERS.items():
                assert answer.headers.get(name) == value, (method, path, name)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, (method, path)
            kept = path.startswith(KEPT) and answer.status_code == 200
            assert kept or "no-store" in answer.headers["cache-control"], (method, path)
            assert kept or "etag" not in answer.headers, (method, path)
        return answer

    def token(self, who: str) -> str:
        """The form token of a session, as its pages have it."""
        page = self.browsers[who].get("/knowledge").text
        found = re.search(r'name="token" value="([^"]+)"', page)
        assert found, who
        return found[1]


def build(folder: Path, clock: SettableClock, url: str = "", limits: PortalLimits = UNBOUND, **settings: Any) -> Town:
    """The town on a fresh database; the caller serves `town.app` and closes the site."""
    port = free_port()
    articles = folder / "knowledge"
    articles.mkdir(parents=True)
    for name, text in ARTICLES.items():
        (articles / name).write_text(text, encoding="utf-8")
    (articles / "a.png").write_bytes(png(16, 16))
    agents = [
        {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]},
        {"name": ELZA[0], "address": ELZA[1], "departments": ["suporte"]},
    ]
    values = {"base_url": f"http://127.0.0.1:{port}", "knowledge": {"folder": str(articles)}, "agents": agents}
    site = make_site(folder, url, clock=clock, **{**values, **settings})
    app = make_app(site, WORDS, TEMPLATES, limits, compiled=_COMPILED)
    busy = Busy(app)
    portal = Portal(House(site), f"http://127.0.0.1:{port}", clock, busy)
    return Town(portal, busy, port, [one for one in app.routes if isinstance(one, Route)])


def fill(town: Town) -> None:
    """People, tickets, a note, files, articles, a held mail; then a browser for each of them."""
    house, site = town.house, town.house.site
    import_folder(site)
    for name, domain in (("Cliente", "cliente.test"), ("Outra", "outra.test")):
        directory.put(site, "organisation", {"name": name, "domains": domain})
        directory.put(site, "branch", {"organisation": name, "name": f"Sede {name}"})
    for (name, address), company, role in (
        (OLGA, "Outra", "master"), (ANA, "Cliente", "master"), (LIA, "Cliente", "light"),
        (TITO, "Cliente", "third_party"), (EVA, "Cliente", "master"),
    ):  # fmt: skip
        directory.put(site, "contact", {"address": address, "name": name, "organisation": company, "role": role})
    house.receive(
        plain_mail(
            OLGA, SUPPORT, f"Assunto {SECRET}", f"Texto {SECRET}", html=f'<p>{SECRET} <img src="cid:a@x"></p>',
            images=[("a@x", "png", png(16, 16))], files=[("folha.txt", "text/plain", b"x")],
        )
    )  # fmt: skip
    house.receive(plain_mail(ANA, SUPPORT, "Assunto da Ana", "Texto", html="<p>Texto</p>"))
    note = plain_mail(BRUNO, SUPPORT, "Re: [SUP-1]", f"#nota {SECRET}", files=[("n.txt", "text/plain", b"x")])
    house.receive(note, [house.agents_copy("SUP-1")])
    two = plain_mail(OLGA, SUPPORT, f"Dois {SECRET}", SECRET).replace(b"From:", b"From: <x@evil.test>\r\nFrom:", 1)
    house.receive(two)
    _browsers(town)
    _ids(town)


def _browsers(town: Town) -> None:
    portal, site = town.portal, town.house.site
    for who, (_, address) in (
        ("ana", ANA), ("lia", LIA), ("tito", TITO), ("eva", EVA), ("olga", OLGA), ("bruno", BRUNO), ("elza", ELZA),
    ):  # fmt: skip
        town.browsers[who] = portal.signed_in(address)
        town.browsers[who].get("/login")
    town.browsers["nobody"] = portal.visit()
    town.browsers["link"] = portal.opened("SUP-2", ANA[1])
    town.browsers["agents link"] = portal.opened("SUP-2", BRUNO[1])
    with site.writer.database.read() as connection:
        eva = people.contact_by_address(connection, EVA[1])
    assert eva is not None
    site.writer.call(lambda c: people.change_contact(c, eva.id, active=False))
    site.writer.call(_leave)


def _leave(connection: Any) -> None:
    """Elza is an agent no more."""
    rows = [dict(row._mapping) for row in people.agents(connection) if row.address != ELZA[1]]
    people.put_agents(connection, rows)


def _ids(town: Town) -> None:
    """What is Olga's, by what it is."""
    with town.house.site.writer.database.read() as connection:
        ticket = tickets.by_key(connection, "SUP-1")
        assert ticket is not None
        olga = people.contact_by_address(connection, OLGA[1])
        assert olga is not None
        comments = tickets.comments(connection, ticket.id)
        files = connection.execute(select(ATTACHMENT.c.id).where(ATTACHMENT.c.comment_id.in_([c.id for c in comments])))
        held = connection.execute(select(JOURNAL.c.id).where(JOURNAL.c.outcome == "held")).scalars().all()
        session = sessions.find(connection, town.house.site, town.browsers["olga"].cookies["mailgate-session"])
        assert held, "a mail is held"
        assert session is not None
        town.olgas = {
            "ticket": ticket.id, "contact": olga.id, "branch": olga.branch_id or 0, "held": held[0],
            "session": session.session_id, "organisation": olga.organisation_id,
            **{f"comment {one.kind} {n}": one.id for n, one in enumerate(comments)},
            **{f"file {n}": one for n, one in enumerate(files.scalars())},
        }  # fmt: skip


def params(route: Route) -> list[str]:
    """The names of a route's parameters."""
    return re.findall(r"\{(\w+)", route.path)


def path_of(route: Route, values: Mapping[str, object]) -> str:
    """The route's path with values in the places of its parameters."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: str(values[m[1]]), route.path)


def methods_of(route: Route) -> set[str]:
    return set(route.methods or ()) - {"HEAD", "OPTIONS"}


def one_use_tokens(town: Town) -> dict[str, str]:
    """A fresh, valid token of Olga's of every kind that there is, by the first word of its address."""
    site = town.house.site
    mint, found = site.mint, {}
    with site.writer.database.read() as connection:
        olga = people.contact_by_address(connection, OLGA[1])
        ticket = tickets.by_key(connection, "SUP-1")
        assert olga is not None
        assert ticket is not None
        link = links.newest(connection, ticket.id, contact_id=olga.id)
        assert link is not None
    inviting.invite(site, OLGA[1])
    inviting.ask_to_verify(site, OLGA[1])

    def made(purpose: str) -> str:
        told = site.writer.call(
            lambda c: signing.one_use(
                c, site, purpose, Person(contact=olga), site.clock(), site.lifetimes.reset,
                "nova@outra.test" if purpose == "address" else "",
            )
        )  # fmt: skip
        return mint.access_token(told["once_id"], purpose)

    for purpose in ("enter", "reset", "invite", "verify", "address"):
        found[purpose] = made(purpose)
    for purpose in ("rate", "stop"):
        found[purpose] = mint.access_token(link.id, purpose)
    found["t"] = mint.access_token(link.id)
    found["session"] = sessions.start(site, Person(contact=olga), Came("Firefox", "x"))
    return found


def victims(route: Route, town: Town) -> Iterator[tuple[str, str]]:
    """Addresses of what is Olga's under a route, each with the same address of what does not exist."""
    names = params(route)
    if not names or "token" in names or "sha256" in names or "slug" in names:
        return
    ids = list(town.olgas.values()) if "id" in names else [0]
    for one in ids:
        if "key" in names or "name" in names:
            real = {"key": "SUP-1", "id": one, "name": "folha.txt"}
            yield path_of(route, real), path_of(route, {"key": GHOST_KEY, "id": GHOST_ID, "name": "x"})
        if "id" in names:  # below a ticket that he may see, or below none
            real = {"key": "SUP-2", "id": one, "name": "folha.txt"}
            yield path_of(route, real), path_of(route, {**real, "id": GHOST_ID})
