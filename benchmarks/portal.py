"""How long the portal's pages take with 200,000 tickets, beside a bare page of the same server: `python -m
benchmarks.portal`.

Three quarters of the tickets are of one organisation in a network of forty, and nearly all are closed: the worst that a
list can meet. Each page is asked for one after the other over one connection of loopback, each time after a moment in
which what is remembered has grown old, and again while it is fresh. Everything is in this process and in a temporary
folder, and goes with it.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import func, insert, select, text
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from benchmarks import tables
from benchmarks.running import postgres
from mailgate import app
from mailgate.flows import sessions
from mailgate.flows.sessions import Came, Person
from mailgate.flows.site import Site
from mailgate.i18n import Translations
from mailgate.portal.app import make_app
from mailgate.portal.limits import PortalLimits
from mailgate.resources import data_folder
from mailgate.scaffold import ensure_keys
from mailgate.settings import Settings
from store import people
from store.engine import Database
from store.tables import BRANCH, CONTACT, COUNTER, ORGANISATION, PARTICIPANT, TICKET

_ORGANISATIONS = 40
_CONTACTS = 4_000
_BRANCHES = 60
_PAST = timedelta(days=730)
_SAID = "o relatório fiscal não abre depois da atualização e a nota segue sem número na filial"
States = list[tuple[str, str]]


def fill(database: Database, count: int, states: States) -> None:
    """Write so many tickets into an empty database. states: (status, category) of the workflow, the last one closed."""
    drawn = random.Random(count)
    now = datetime.now(UTC)
    organisations = [
        {"id": i, "name": f"Loja {i}", "domains": [f"loja{i}.test"], "tier": "", "cnpj": "", "created_at": now,
         "network": "Rede Boa" if i <= _ORGANISATIONS // 2 else ""}
        for i in range(1, _ORGANISATIONS + 1)
    ]  # fmt: skip
    branches = [
        {"id": i, "organisation_id": 1 if i <= 40 else 2, "name": f"Filial {i}", "place": "", "cnpj": "", "address": "",
         "active": True, "created_at": now}
        for i in range(1, _BRANCHES + 1)
    ]  # fmt: skip
    contacts = [_contact(i, drawn, now) for i in range(1, _CONTACTS + 1)]
    with database.write() as connection:
        for table, rows in ((ORGANISATION, organisations), (BRANCH, branches), (CONTACT, contacts)):
            connection.execute(insert(table), rows)
    for start in range(1, count + 1, 5_000):
        rows = [
            _ticket(n / (count + 1), n, contacts, states, drawn, now)
            for n in range(start, min(start + 5_000, count + 1))
        ]
        follows = [
            {"ticket_id": r["id"], "contact_id": drawn.choice(contacts)["id"], "contributes": True, "told": True,
             "added_at": now}
            for r in rows if drawn.random() < 0.1
        ]  # fmt: skip
        with database.write() as connection:
            connection.execute(insert(TICKET), rows)
            connection.execute(insert(PARTICIPANT), follows)
    with database.write() as connection:
        if database.is_sqlite:
            connection.execute(insert(COUNTER).values(name="ticket", value=count))
        else:
            connection.execute(select(func.setval("ticket_number", count)))
    if not database.is_sqlite:
        with database.write() as connection:
            connection.execute(text("ANALYZE"))


def _contact(i: int, drawn: random.Random, now: datetime) -> dict[str, Any]:
    """Half of all people are of the large organisation; the first three are a light one, a master, and one of none."""
    organisation: int | None = 1 if i <= 2 or drawn.random() < 0.5 else drawn.randint(2, _ORGANISATIONS)
    branch = drawn.randint(1, 40) if organisation == 1 and i != 2 else None
    return {
        "id": i, "name": f"Pessoa {i}", "address": f"pessoa{i}@loja{organisation}.test", "active": True,
        "role": "master" if i == 2 or i % 50 == 0 else "light", "organisation_id": organisation, "branch_id": branch,
        "created_at": now, "whatsapp": "", "phone": "", "timezone": "", "preferences": {},
    }  # fmt: skip


def _ticket(
    age: float, number: int, contacts: list[dict[str, Any]], states: States, drawn: random.Random, now: datetime
) -> dict[str, Any]:  # fmt: skip
    at = now - _PAST + _PAST * age
    who = contacts[drawn.randrange(len(contacts))]
    while who["organisation_id"] != 1 and drawn.random() < 0.67:
        who = contacts[drawn.randrange(len(contacts))]
    status, category = drawn.choice(states[:-1]) if drawn.random() < 0.05 else states[-1]
    moved = at + timedelta(hours=drawn.random() * 100)
    return {
        "id": 10_000 + number, "number": number, "key": f"SUP-{number}", "status": status, "category": category,
        "subject": " ".join(drawn.choices(_SAID.split(), k=6)), "department": "suporte", "topic": "",
        "priority": "normal", "tags": [], "requester_id": who["id"], "organisation_id": who["organisation_id"],
        "branch_id": who["branch_id"], "channel": "mail", "address": "", "language": "pt-BR", "verified": True,
        "visibility": drawn.choice(("private", "branches", "network")) if drawn.random() < 0.05 else "",
        "version": 2, "created_at": at, "updated_at": moved, "status_since": moved, "claims": "", "fields": {},
        "due_at": moved + timedelta(days=2),
    }  # fmt: skip


@contextmanager
def served(application: ASGIApp) -> Iterator[int]:
    """The port of an application that is served by uvicorn in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error", access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(timeout=10)


def asked(port: int, host: str, path: str, cookie: str, times: int, before: Any = None) -> tuple[float, int]:
    """Median milliseconds of a page, and its bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    spent, size = [], 0
    for _ in range(times + 1):
        if before is not None:
            before()
        began = time.perf_counter()
        connection.request("GET", path, headers={"Host": host, "Cookie": cookie, "Accept-Language": "pt-BR"})
        answer = connection.getresponse()
        size = len(answer.read())
        spent.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.getheader('location')}")
    connection.close()
    return statistics.median(spent[1:]), size


def site_of(folder: Path, url: str, preset: str) -> Site:
    """A company in a folder."""
    ensure_keys(folder / "data")
    values = {
        "base_url": "http://127.0.0.1:8025", "data": str(folder / "data"), "database": url or "sqlite",
        "preset": preset, "addresses": [{"address": "suporte@example.test", "department": "suporte"}],
    }  # fmt: skip
    read = Settings.model_validate(values, context={"folder": folder, "test": True})
    return app.open_house(read, migrate=True, node="bench").site


PAGES = {
    "overview": "/",
    "list, open": "/requests",
    "list, closed": "/requests?tab=fechados",
    "list, closed, half way down": "DEEP",
    "own requests": "/requests?scope=mine",
    "shared": "/requests?scope=shared",
    "by number": "/requests?sort=key&tab=fechados",
    "by due date": "/requests?sort=due",
    "one key": "/requests?q=SUP-77",
    "a text that is there": "/requests?q=fiscal&tab=fechados",
    "a text that is not": "/requests?q=zzzz&tab=fechados",
    "a month two years ago": "/requests?tab=fechados&from=MONTH-01&to=MONTH-28",
    "a colleague": "/requests?tab=fechados&user=USER",
}


def measure(site: Site, count: int, times: int) -> list[list[object]]:
    """A line for each page."""
    templates = data_folder("templates")
    unlimited = PortalLimits(requests_per_token=(), requests_per_ip=())
    portal = make_app(site, Translations.load(templates / "translations"), templates, unlimited)
    desk = portal.state.desk
    bare = Starlette(routes=[Route("/", lambda request: HTMLResponse("<!DOCTYPE html><p>bare</p>" * 400))])
    tab = list(site.book().workflow.states.values())[-1].tab
    rows: list[list[object]] = []
    with served(portal) as port, served(bare) as bare_port:
        base, size = asked(bare_port, "127.0.0.1", "/", "", times * 4)
        rows.append(["a bare Starlette page", f"{base:.1f}", "1", "", f"{size / 1000:.0f}"])
        for who in (1, 2):
            with site.writer.database.read() as connection:
                person = people.contact(connection, who)
            cookie = f"mailgate-session={sessions.start(site, Person(contact=person), Came())}"
            for name, path in PAGES.items():
                wanted = _path(path, tab, count, port, cookie)
                old, _ = asked(port, "127.0.0.1:8025", wanted, cookie, times, desk.remembered.forget)
                fresh, size = asked(port, "127.0.0.1:8025", wanted, cookie, times)
                title = f"{name} ({person.role if person is not None else ''})"
                rows.append([title, f"{fresh:.1f}", f"{fresh / base:.1f}", f"{old:.1f}", f"{size / 1000:.0f}"])
                print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    return rows


def _path(path: str, tab: str, count: int, port: int, cookie: str) -> str:
    """A path with what only this database has."""
    if path == "DEEP":
        at = datetime.now(UTC) - _PAST / 2
        micros = int(at.timestamp() * 1_000_000)
        path = f"/requests?tab=fechados&after={micros}.{count // 2}"
    if "USER" in path:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/requests?scope=all", headers={"Host": "127.0.0.1:8025", "Cookie": cookie})
        page = connection.getresponse().read().decode()
        offered = page.split('name="user"')
        path = path.replace("USER", offered[1].split('value="')[2].split('"')[0] if len(offered) > 1 else "")
    month = f"{datetime.now(UTC) - _PAST + timedelta(days=40):%Y-%m}"
    return path.replace("MONTH", month).replace("tab=fechados", f"tab={tab}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal", description=__doc__)
    parser.add_argument("--tickets", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=15, help="how often each page is asked for")
    parser.add_argument("--preset", default="zetti", help="zetti: all see the network; centrium: all see their own")
    parser.add_argument("--postgres", nargs="?", const="", metavar="URL", help="on PostgreSQL")
    options = parser.parse_args(arguments)
    head = ["page", "ms", "times the bare page", "ms, nothing remembered", "KB"]
    with tempfile.TemporaryDirectory(prefix="mg-bench-") as name:
        if options.postgres is None:
            rows = _run(Path(name), "", options)
        else:
            with postgres(options.postgres or None) as server:
                rows = _run(Path(name), server.new(), options)
    said = tables.machine({"tickets": f"{options.tickets:,}", "preset": options.preset})
    print(f"\n{said}\n\n{tables.table(head, rows)}")
    return 0


def _run(folder: Path, url: str, options: argparse.Namespace) -> list[list[object]]:
    site = site_of(folder, url, options.preset)
    began = time.monotonic()
    states = [(key, str(state.category)) for key, state in site.book().workflow.states.items()]
    fill(site.writer.database, options.tickets, states)
    print(f"{options.tickets} tickets written in {time.monotonic() - began:.0f} s", file=sys.stderr)
    try:
        return measure(site, options.tickets, options.times)
    finally:
        site.writer.stop()
        site.writer.database.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
