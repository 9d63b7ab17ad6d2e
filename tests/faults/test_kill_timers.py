"""kill -9 of the program between the claim of due times and their commit: each fires once, late, never twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from mailgate import app
from mailgate.flows import customer
from mailgate.settings import load_settings
from tests.house import BRUNO, SUPPORT, House, plain_mail
from tests.integration.gateway import Gateway
from tests.integration.machine import wait_until

_TICKETS = 60
_SETTINGS = {"preset": "totvs", "limits": {"acks_total": "off", "notices_per_address": "off"}}


def resolve_many(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tickets: int = _TICKETS) -> None:
    """Tickets that were resolved just now, each of a customer of its own; nothing runs meanwhile."""
    monkeypatch.setenv("MAILGATE_TEST", "1")
    house = app.open_house(load_settings(gateway.home / "mailgate.yaml"), migrate=True)
    try:
        company = House(house.site)
        for n in range(tickets):
            company.receive(plain_mail((f"Cliente {n}", f"c{n}@cliente.test"), SUPPORT, f"Folha {n}", "Erro."))
            customer.agent_action(
                house.site, f"SUP-{n + 1}", BRUNO[1], "reply", text="Corrigido.", status="resolvido"
            )  # fmt: skip
    finally:
        house.close()


def _timers(gateway: Gateway) -> Counter[str]:
    """The timers of closing by what became of them; `claimed` are those a program has in hand."""
    with sqlite3.connect(f"file:{gateway.home / 'data' / 'mailgate.sqlite'}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select state, lease_until is not null from timer where name like 'resolvido>fechado%'"
        ).fetchall()
    return Counter("claimed" if state == "armed" and leased else state for state, leased in rows)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
@pytest.mark.long
def test_killed_between_claim_and_commit(gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch) -> None:
    running = gateway(_SETTINGS, start=False)
    resolve_many(running, monkeypatch)
    running.start()
    assert _timers(running) == {"armed": _TICKETS}
    running.advance(timedelta(days=5, minutes=1))
    wait_until(lambda: _timers(running)["claimed"], 30, "the due times to be claimed", every=0.001)
    running.kill9()
    seen = _timers(running)
    assert seen["claimed"] > 0, seen
    assert seen["fired"] < _TICKETS

    running.advance(timedelta(days=2))
    running.start()
    wait_until(lambda: _timers(running)["fired"] == _TICKETS, 60, "what was due to fire, late", every=0.1)
    running.advance(timedelta(days=40))
    tickets = running.wait_export(
        lambda rows: all(m["state"] == "accepted" for r in rows for m in r["messages"] if m["kind"] == "notice"),
        limit=60, what="every mail to leave",
    )  # fmt: skip
    assert {t["status"] for t in tickets} == {"fechado"}
    for ticket in tickets:
        told = Counter(m["notice"] for m in ticket["messages"] if m["kind"] == "notice")
        assert told["N12"] == 1, ticket["key"]
        assert [e["kind"] for e in ticket["events"]].count("timer") == 1
    assert _timers(running) == {"fired": _TICKETS}
