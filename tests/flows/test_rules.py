"""What rules ask for, each seen at its end: the mail that leaves, the row that changed, the call that is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mailgate.flows import hooks
from mailgate.rules.conditions import Pattern
from store.tables import EVENT, WEBHOOK
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.flows.test_bounces import report
from tests.flows.test_notices import press
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

MARTA = ("Marta", "marta@example.test")
_NOTICES = """
quote: {comments: 3, lines: 40}
canned:
  fora-do-horario:
    pt-BR: "Olá, {name}. O chamado {key} ({status}) será visto no próximo dia útil. {company}"
    es: "Hola, {name}. {key} se verá el próximo día hábil."
"""

Ruled = Callable[..., Story]


@pytest.fixture
def ruled(make_story: Callable[..., Story], tmp_path: Path) -> Ruled:
    """`ruled("- {name: …}")`: a company with these rules and no others."""

    def make(rules: str, **settings: Any) -> Story:
        (tmp_path / "rules.yaml").write_text("rules:\n" + rules)
        (tmp_path / "notices.yaml").write_text(_NOTICES)
        return make_story(**settings)

    return make


def _text(raw: bytes) -> str:
    part = message_from_bytes(raw, policy=default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _event(story: Story, kind: str) -> list[dict[str, Any]]:
    return [dict(e.data) for e in story.rows(EVENT) if e.kind == kind]


def test_reply_answers_in_the_requesters_language_and_is_no_answer_of_ours(ruled: Ruled) -> None:
    story = ruled("- {name: noite, when: ticket_opened, if: {working_hours: no}, then: {reply: fora-do-horario}}\n")
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert story.told("N5") == [], "within working hours"
    story.later(hours=12)
    story.receive(plain_mail(ANA, SUPPORT, "Outra nota", "Não sai."))
    assert story.told("N5") == [("N5", ANA[1])]
    (mail,) = [m for m in story.deliver() if m.id == story.outbox("N5")[0].id]
    text = _text(mail.raw)
    assert "Olá, Ana Souza. O chamado SUP-2 (Aberto) será visto no próximo dia útil. Exemplo Sistemas" in " ".join(
        text.split()
    )
    assert message_from_bytes(mail.raw)["Auto-Submitted"] == "auto-generated"
    ticket = story.ticket("SUP-2")
    assert (ticket.last_agent_at, ticket.agent_id, ticket.status) == (None, None, "aberto")
    assert [c.role for c in story.comments("SUP-2")] == ["customer", "system"]


def test_reply_never_answers_a_machine_nor_a_stranger_beyond_the_caps(ruled: Ruled) -> None:
    story = ruled("- {name: r, when: [ticket_opened, customer_commented], then: {reply: fora-do-horario}}\n")
    machine = plain_mail(("Monitor", "monitor@cliente.test"), SUPPORT, "Disco cheio", "95%")
    story.receive(b"Auto-Submitted: auto-generated\r\n" + machine)
    assert story.told("N5") == []
    for number in range(3):
        story.receive(plain_mail(CARMEN, SUPPORT, f"Duda {number}", "x", verified=False))
    assert story.told("N5") == [("N5", CARMEN[1])], "as often as an acknowledgement"
    story.receive(plain_mail(CARMEN, SUPPORT, "Re: [SUP-2] Duda 0", "y", verified=False))
    assert len(story.told("N5")) == 1


def test_forward_hands_on_what_was_said_with_its_files_and_the_answer_comes_to_the_ticket(ruled: Ruled) -> None:
    story = ruled(
        "- {name: f, when: ticket_opened, if: {subject: {contains: tef}}, then: {forward: tef@parceiro.test}}\n"
    )
    files = [("log.txt", "text/plain", b"linha 1\n")]
    story.receive(plain_mail(ANA, SUPPORT, "TEF parado", "A maquininha não lê.", files=files))
    (row,) = story.outbox("N5")
    assert row.recipient == "tef@parceiro.test"
    (mail,) = [m for m in story.deliver() if m.id == row.id]
    sent = message_from_bytes(mail.raw, policy=default)
    assert "A maquininha não lê." in _text(mail.raw)
    assert [a.get_filename() for a in sent.iter_attachments()] == ["log.txt"]
    assert ANA[1] not in str(sent["To"]) + str(sent["Cc"])
    answer = plain_mail(("TEF", "tef@parceiro.test"), SUPPORT, str(sent["Subject"]), "Trocamos o chip.")
    settled = story.receive(answer)
    assert (settled.outcome, settled.key) == (Outcome.COMMENTED, "SUP-1")
    assert story.comments("SUP-1")[-1].reply.strip() == "Trocamos o chip."


def test_forward_to_ourselves_goes_nowhere(ruled: Ruled) -> None:
    story = ruled(f"- {{name: f, when: ticket_opened, then: {{forward: {SUPPORT}}}}}\n")
    story.receive(plain_mail(ANA, SUPPORT, "TEF parado", "x"))
    assert story.told("N5") == []


def test_least_loaded_counts_what_is_open_and_round_robin_takes_turns_by_department(ruled: Ruled) -> None:
    agents = [
        {"name": "Ada", "address": "ada@example.test", "departments": ["suporte"]},
        {"name": "Bea", "address": "bea@example.test", "departments": ["suporte"]},
        {"name": "Cid", "address": "cid@example.test", "departments": ["vendas"]},
    ]
    story = ruled(
        """
- {name: pouco, when: ticket_opened, if: {subject: {contains: pouco}}, then: {agent: least_loaded}}
- {name: vez, when: ticket_opened, if: {subject: {contains: vez}}, then: {agent: round_robin}}
- {name: vendas, when: ticket_opened, if: {subject: {contains: preço}}, then: {department: vendas, agent: least_loaded}}
- {name: ada, when: ticket_opened, if: {subject: {contains: ada}}, then: {agent: ada@example.test}}
""",
        agents=agents,
    )

    def opened(subject: str) -> str:
        key = story.receive(plain_mail(ANA, SUPPORT, subject, subject)).key
        story.later(minutes=1)
        return str(story.ticket(str(key)).agent_name)

    assert [opened("ada 1"), opened("ada 2")] == ["Ada", "Ada"]
    assert [opened("pouco 1"), opened("pouco 2"), opened("pouco 3")] == ["Bea", "Bea", "Ada"]
    assert [opened("vez 1"), opened("vez 2"), opened("vez 3")] == ["Ada", "Bea", "Ada"]
    assert opened("preço do módulo") == "Cid"
    assert story.ticket("SUP-9").department == "vendas"


def test_a_department_without_agents_leaves_the_ticket_unassigned_and_says_so(ruled: Ruled) -> None:
    story = ruled("- {name: d, when: ticket_opened, then: {department: vendas, agent: least_loaded}}\n",
                  agents=[{"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]}],
                  addresses=[{"address": SUPPORT, "department": "suporte"},
                             {"address": "vendas@example.test", "department": "vendas"}])  # fmt: skip
    story.receive(plain_mail(ANA, SUPPORT, "Preço", "x"))
    assert story.ticket("SUP-1").agent_id is None
    assert _event(story, "rule_skipped") == [{"rule": "d", "why": "there is no agent in vendas"}]


def test_a_bounce_asks_the_rules_once_and_only_when_it_is_for_good(ruled: Ruled) -> None:
    rule = "- {name: b, when: bounce, then: {tags: devolvido, priority: high, note: telefonar, notify: managers}}\n"
    leads = {"name": MARTA[0], "address": MARTA[1], "departments": ["suporte"], "role": "manager"}
    bruno = {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]}
    story = ruled(rule, agents=[bruno, leads])
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.agent_answers("SUP-1", "Instale a versão nova.")
    story.deliver()
    lost = story.outbox("N5")[0].message_id
    story.receive(report(lost, action="delayed", status="4.4.1", unique="d"), mail_from="")
    assert story.ticket("SUP-1").tags == []
    told = story.told("N19")
    story.receive(report(lost), mail_from="")
    ticket = story.ticket("SUP-1")
    assert (ticket.tags, ticket.priority) == (["devolvido"], "high")
    assert [c.text for c in story.comments("SUP-1", "note")] == ["telefonar"]
    assert story.told("N19")[len(told) :] == [("N19", MARTA[1])]
    assert story.told("DELIVERY_FAILED") == [("DELIVERY_FAILED", BRUNO[1])]


def test_a_bad_rating_reopens_and_is_given_to_who_leads(ruled: Ruled) -> None:
    leads = {"name": MARTA[0], "address": MARTA[1], "departments": ["suporte"], "role": "manager"}
    bruno = {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]}
    story = ruled(
        f"""
- name: nota-ruim
  when: survey_answered
  if: {{rating: ["1", "2"]}}
  then: {{set_status: reaberto, agent: {MARTA[1]}, tags: nota-ruim, priority: high}}
""",
        agents=[bruno, leads],
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.agent_answers("SUP-1", "#resolvido\nInstale a versão nova.")
    press(story, "rate_4")
    assert story.ticket("SUP-1").status == "resolvido"
    press(story, "rate_1", "Nada foi feito.")
    ticket = story.ticket("SUP-1")
    assert (ticket.status, ticket.agent_name, ticket.tags) == ("reaberto", MARTA[0], ["nota-ruim"])
    assert _event(story, "status")[-1]["by"] == "rule nota-ruim"


def test_agents_are_those_of_the_department_managers_and_admins_those_of_the_company(ruled: Ruled) -> None:
    def agent(name: str, department: str, role: str = "agent") -> dict[str, Any]:
        return {"name": name, "address": f"{name.lower()}@example.test", "departments": [department], "role": role}

    agents = [agent("Ada", "suporte"), agent("Cid", "vendas"), agent("Dea", "vendas", "manager")]
    agents += [agent("Eva", "vendas", "admin")]
    story = ruled(
        """
- {name: a, when: customer_commented, if: {body: {contains: todos}}, then: {notify: agents}}
- {name: g, when: customer_commented, if: {body: {contains: chefe}}, then: {notify: [managers, eva@example.test]}}
""",
        agents=agents,
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    told = len(story.told("N19"))
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Chamem todos."))
    assert story.told("N19")[told:] == [("N19", "ada@example.test")]
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Chamem o chefe."))
    assert {to for _, to in story.told("N19")[told + 1 :]} == {f"{n}@example.test" for n in ("ada", "dea", "eva")}


_KINDS = {
    "human": b"",
    "newsletter": b"List-Unsubscribe: <mailto:u@loja.test>\r\n",
    "list": b"List-Id: <l.loja.test>\r\nList-Post: <mailto:l@loja.test>\r\n",
    "bulk": b"Precedence: bulk\r\n",
    "automatic": b"Auto-Submitted: auto-generated\r\n",
}


@pytest.mark.parametrize("kind", _KINDS)
def test_rules_tell_kinds_of_mail_apart_and_a_broad_word_takes_in_the_finer(ruled: Ruled, kind: str) -> None:
    words = [*_KINDS, "out_of_office", "challenge", "calendar"]
    story = ruled(
        "".join(f"- {{name: {w}, when: ticket_opened, if: {{kind: {w}}}, then: {{tags: {w}}}}}\n" for w in words)
    )
    story.receive(_KINDS[kind] + plain_mail(("Loja", "avisos@loja.test"), SUPPORT, "Aviso", "Novidades."))
    also = ["list"] if kind in ("newsletter", "bulk") else []
    assert sorted(story.ticket("SUP-1").tags) == sorted([kind, *also])


def test_people_whose_subject_sounds_like_a_machine_can_be_told_apart(ruled: Ruled) -> None:
    rule = "- {name: f, when: ticket_opened, if: {kind: [out_of_office, challenge]}, then: {tags: ausente}}\n"
    story = ruled(rule)
    story.receive(plain_mail(ANA, SUPPORT, "Ausência temporária: volto dia 10", "Estou de férias até dia 10."))
    assert story.ticket("SUP-1").tags == ["ausente"]


# --- other programs ---------------------------------------------------------------------------------------------------


class _FarEnd(HTTPServer):
    """Another program: keeps what it is told, and answers what the test wants."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/chamados?de=mailgate"


class _Handler(BaseHTTPRequestHandler):
    server: _FarEnd

    def do_POST(self) -> None:
        """Take one call."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({**self.headers, "path": self.path}, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def far_end() -> Iterator[_FarEnd]:
    """A real HTTP server."""
    server = _FarEnd()
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_webhook_reaches_another_program_with_the_ticket_as_it_is_then(ruled: Ruled, far_end: _FarEnd) -> None:
    story = ruled(
        "- {name: w, when: ticket_opened, then: {webhook: erp, priority: urgent, tags: erp}}\n",
        webhooks=[{"name": "erp", "url": far_end.url, "secret": "segredo"}],
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert far_end.got == [], "after the commit, by its own tick"
    there = {"erp": hooks.Hook(far_end.url, b"segredo")}
    far_end.answers = [500]
    assert hooks.sweep(story.site, there, "t") == 0
    story.later(minutes=1)
    assert hooks.sweep(story.site, there, "t") == 1
    assert hooks.sweep(story.site, there, "t") == 0
    (first, _), (head, body) = far_end.got
    assert head["path"] == "/chamados?de=mailgate"
    assert first["webhook-id"] == head["webhook-id"]
    stamp = int(head["webhook-timestamp"])
    assert head["webhook-signature"] == hooks.sign(b"segredo", head["webhook-id"], stamp, body)
    told = json.loads(body)
    assert (told["type"], told["data"]["rule"]) == ("rule.mail", "rule w")
    ticket = told["data"]["ticket"]
    assert (ticket["key"], ticket["priority"], ticket["tags"], ticket["requester"]) == (
        "SUP-1", "urgent", ["erp"], ANA[1],
    )  # fmt: skip


def test_a_far_end_that_is_gone_is_asked_for_two_days_and_given_up(ruled: Ruled) -> None:
    story = ruled(
        "- {name: w, when: ticket_opened, then: {webhook: erp}}\n",
        webhooks=[{"name": "erp", "url": "http://127.0.0.1:9/", "secret": "segredo"}],
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    there = {"erp": hooks.Hook("http://127.0.0.1:9/", b"segredo")}
    tries = 0
    while story.rows(WEBHOOK)[0].state == "waiting":
        hooks.sweep(story.site, there, "t")
        tries += 1
        story.later(hours=6, minutes=1)
        assert tries < 20
    assert (story.rows(WEBHOOK)[0].state, tries) == ("failed", story.rows(WEBHOOK)[0].attempts)
    assert tries >= 8


# --- rules that ask for too much (K4) ---------------------------------------------------------------------------------


def _notes(when: str, count: int) -> str:
    return "".join(f"- {{name: {when}-{n}, when: {when}, then: {{note: n{n}}}}}\n" for n in range(count))


def test_rules_ask_for_a_thousand_things_at_most_and_an_answer_is_never_what_is_cut(ruled: Ruled) -> None:
    story = ruled(_notes("message_received", 1100) + _notes("agent_commented", 100))
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    before = len(story.comments("SUP-1"))
    story.agent_answers("SUP-1", "#resolvido\nInstale a versão nova.")
    said = story.comments("SUP-1")[before:]
    public = [c for c in said if c.kind == "comment"]
    assert [(c.role, c.reply.strip()) for c in public] == [("agent", "Instale a versão nova.")]
    assert (story.ticket("SUP-1").status, story.told("N10")) == ("resolvido", [("N10", ANA[1])])
    assert len([c for c in said if c.kind == "note"]) == 1000
    assert "more than 1000 actions" in _event(story, "rule_skipped")[-1]["why"]


@pytest.mark.parametrize(("limit", "done"), [(3, 3), (0, 0), (4, 4), ("off", 4)])
def test_a_company_says_how_much_rules_may_do_with_one_mail(ruled: Ruled, limit: object, done: int) -> None:
    """`limits.rule_actions`: of all rules of all events, while the mail's own ticket and comment are nobody's wish."""
    story = ruled(
        "- {name: a, when: ticket_opened, then: {set_status: com_cliente, note: a}}\n" + _notes("status_changed", 2),
        limits={"rule_actions": limit},
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    notes, ticket = story.comments("SUP-1", "note"), story.ticket("SUP-1")
    assert len(notes) + (ticket.status == "com_cliente") == done
    said = [e["why"] for e in _event(story, "rule_skipped")]
    assert any(why.endswith("the rest is left out") for why in said) == (done < 4)
    assert len(story.comments("SUP-1", "comment")) == 1


def test_rules_that_answer_each_other_share_one_bound(ruled: Ruled) -> None:
    """Each change of status asks 400 things more, and asks for the next."""
    story = ruled(
        "- {name: a, when: ticket_opened, then: {set_status: com_cliente}}\n"
        + _notes("status_changed", 400)
        + "- {name: c, when: status_changed, if: {status: aberto}, then: {set_status: com_cliente, stop: yes}}\n"
        + "- {name: b, when: status_changed, if: {status: com_cliente}, then: {set_status: aberto}}\n"
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert story.ticket("SUP-1").category in ("open", "waiting")
    assert len(story.comments("SUP-1")) <= 1000
    assert any("actions" in e["why"] for e in _event(story, "rule_skipped"))
    assert story.told("N1") == [("N1", ANA[1])]


def test_a_rule_that_fails_leaves_the_others_and_a_line_in_the_history(ruled: Ruled) -> None:
    story = ruled(
        """
- {name: quebrada, when: ticket_opened, if: {body: {matches: "x+"}}, then: {tags: nunca}}
- {name: boa, when: ticket_opened, then: {tags: sempre}}
"""
    )
    broken, _ = story.site.book().rules.rules
    assert broken.if_.body is not None

    def fails(text: str) -> object:
        raise MemoryError("pattern too large")

    broken.if_.body.__dict__["matches"] = Pattern("x+", fails)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert story.ticket("SUP-1").tags == ["sempre"]
    assert _event(story, "rule_skipped") == [{"rule": "quebrada", "why": "MemoryError: pattern too large"}]
