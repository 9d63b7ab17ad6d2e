"""Rules as an admin writes them, and what they say about a mail."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate import yamlfile
from mailgate.rules.actions import Action
from mailgate.rules.book import Known, RuleBook, RulesFile, doubts, problems
from mailgate.rules.conditions import RuleFacts
from mailgate.rules.engine import RuleResult, run

PRESETS = Path(__file__).parents[3] / "config/presets"

ANA = RuleFacts(
    sender="ana@hospital.br",
    sender_domain="hospital.br",
    recipients=("suporte@example.test", "outra@example.test"),
    subject="URGENTE: nota não sai",
    body="Bom dia,\na nota fiscal 123 não sai.",
    headers=(("X-Spam-Flag", "NO"), ("X-Mailer", "Thunderbird")),
    status="aberto",
    category="open",
    department="suporte",
    language="pt-BR",
    verified=True,
    attachment_names=("tela.png", "log.txt"),
    organisation="Hospital",
    tags=("vip",),
    priority="normal",
)


def book(text: str) -> RuleBook:
    file, mistakes = yamlfile.validate(yamlfile.parse(text, "rules.yaml"), RulesFile)
    assert file is not None, mistakes
    return RuleBook.of(file)


def mistakes(text: str) -> list[str]:
    file, found = yamlfile.validate(yamlfile.parse(text, "rules.yaml"), RulesFile)
    assert file is None
    return [f"{m.line}:{m.column}: {m.reason}" for m in found]


def one(condition: str, facts: RuleFacts = ANA) -> RuleResult:
    rule = f"rules:\n  - name: r\n    when: message_received\n    if: {condition}\n    then: {{note: seen}}\n"
    return run(book(rule), "message_received", facts)[0]


def test_an_answer_to_resolved_reopens_and_the_next_rule_sees_it() -> None:
    shipped = book((PRESETS / "centrium/rules.yaml").read_text())
    first, second = run(shipped, "customer_commented", replace(ANA, status="resolvido", category="solved"))
    assert (first.name, first.actions) == ("reabrir-ao-responder", (Action("set_status", ("reaberto",)),))
    assert (second.matched, second.failed_condition) == (False, "status is com_cliente (it is 'reaberto')")


def test_an_answer_while_we_wait_for_the_customer() -> None:
    shipped = book((PRESETS / "centrium/rules.yaml").read_text())
    results = run(shipped, "customer_commented", replace(ANA, status="com_cliente"))
    assert [r.actions for r in results if r.matched] == [(Action("set_status", ("aberto",)),)]


def test_what_the_server_before_us_marked_as_spam_is_held() -> None:
    shipped = book((PRESETS / "centrium/rules.yaml").read_text())
    spam = replace(ANA, headers=(("x-spam-flag", " Yes "),))
    assert [a.kind for r in run(shipped, "message_received", spam) for a in r.actions] == ["hold"]
    assert [a.kind for r in run(shipped, "message_received", ANA) for a in r.actions] == []


def test_the_rule_of_the_hospital() -> None:
    text = """
rules:
  - name: hospital-urgente
    when: ticket_opened
    if: {sender_domain: hospital.br, subject: {contains: urgente}}
    then: {department: financeiro, priority: high, notify: [managers]}
"""
    (result,) = run(book(text), "ticket_opened", ANA)
    assert result.actions == (
        Action("department", ("financeiro",)),
        Action("priority", ("high",)),
        Action("notify", ("managers",)),
    )
    (other,) = run(book(text), "ticket_opened", replace(ANA, subject="Bom dia"))
    assert other.failed_condition == "subject contains urgente (it is 'Bom dia')"


@pytest.mark.parametrize(
    "condition",
    [
        "{sender: ANA@hospital.br}",
        "{sender: [x@y.z, ana@hospital.br]}",
        "{sender: {in: [ana@hospital.br]}}",
        "{recipient: outra@example.test}",
        "{body: {contains: [nada, 'nota fiscal']}}",
        r"{body: {matches: 'fiscal \d{3}'}}",
        "{header: {name: x-mailer}}",
        "{header: {name: X-Mailer, contains: thunder}}",
        "{category: [new, open]}",
        "{kind: human}",
        "{verified: yes}",
        "{attachment: yes}",
        r"{attachment_name: {matches: '\.txt$'}}",
        "{tags: vip}",
        "{agent: nobody}",
        "{not: {sender_domain: spam.test}}",
        "{any: [{subject: x}, {priority: normal}]}",
        "{all: [{status: aberto}, {language: pt-br}]}",
        "{}",
    ],
)
def test_what_holds_for_ana_s_mail(condition: str) -> None:
    assert one(condition).failed_condition is None


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("{sender: bob@x.test}", "sender is bob@x.test (it is 'ana@hospital.br')"),
        ("{header: {name: X-Other}}", "header X-Other is there"),
        ("{header: {name: X-Spam-Flag, is: 'YES'}}", "header X-Spam-Flag is YES"),
        ("{kind: [automatic, dsn]}", "kind is automatic or dsn (it is 'human')"),
        ("{verified: no}", "verified is no"),
        ("{attachment: no}", "attachment is no"),
        ("{not: {verified: yes}}", "not: what must not hold does hold"),
        ("{any: [{topic: a}, {department: b}]}", "any of: topic is a (it is ''); department is b (it is 'suporte')"),
        ("{all: [{verified: yes}, {status: fechado}]}", "status is fechado (it is 'aberto')"),
        (r"{subject: {matches: '^urgente'}}", "subject matches ^urgente (it is 'URGENTE: nota não sai')"),
    ],
)
def test_why_a_rule_did_not_match(condition: str, reason: str) -> None:
    assert one(condition).failed_condition == reason


def test_a_status_that_the_workflow_lacks_is_not_asked_for() -> None:
    text = "rules: [{name: r, when: timer, then: {set_status: fechado, priority: low}}]"
    (result,) = run(book(text), "timer", ANA, can_set=lambda status, target: False)
    assert [a.kind for a in result.actions] == ["priority"]
    assert result.error == "the workflow has no transition from `aberto` to `fechado`"


def test_stop_ends_the_run_and_only_when_it_matches() -> None:
    text = """
rules:
  - {name: a, when: timer, if: {tags: nobody-has-this}, then: {note: a}, stop: yes}
  - {name: b, when: timer, then: {note: b, stop: yes}}
  - {name: c, when: timer, then: {note: c}}
"""
    assert [(r.name, r.matched) for r in run(book(text), "timer", ANA)] == [("a", False), ("b", True)]


def test_a_rule_that_is_switched_off_or_waits_for_something_else_is_not_looked_at() -> None:
    text = "rules: [{name: a, when: timer, then: {note: a}, enabled: no}, {name: b, when: bounce, then: {note: b}}]"
    assert run(book(text), "timer", ANA) == []


def test_rules_below_see_what_rules_above_asked_for() -> None:
    text = """
rules:
  - {name: a, when: [timer, bounce], then: {set_status: resolvido, tags: [novo], agent: bruno@x.test}}
  - {name: b, when: timer, if: {category: solved, tags: novo, agent: bruno@x.test}, then: {note: b}}
"""
    results = run(book(text), "timer", ANA, categories={"resolvido": "solved"})
    assert [r.matched for r in results] == [True, True]


def test_one_broken_rule_does_not_stop_the_others() -> None:
    text = "rules: [{name: a, when: timer, then: {set_status: x}}, {name: b, when: timer, then: {note: b}}]"

    def explode(status: str, target: str) -> bool:
        raise RuntimeError("boom")

    first, second = run(book(text), "timer", ANA, can_set=explode)
    assert (first.matched, first.error) == (False, "RuntimeError: boom")
    assert second.actions == (Action("note", ("b",)),)


def test_a_run_is_bounded() -> None:
    rules = "\n".join(f"  - {{name: r{n}, when: timer, then: {{note: n, priority: low}}}}" for n in range(20))
    results = run(book(f"rules:\n{rules}"), "timer", ANA, max_actions=5)
    assert sum(len(r.actions) for r in results) == 5
    assert results[2].error is not None
    assert "more than 5 actions" in results[2].error


def test_a_pattern_never_takes_exponential_time() -> None:
    started = time.perf_counter()
    one("{body: {matches: '(a+)+$'}}", replace(ANA, body="a" * 200_000 + "!"))
    assert time.perf_counter() - started < 1


def test_a_bad_pattern_is_refused_at_its_place() -> None:
    text = "rules:\n  - name: r\n    when: timer\n    if:\n      subject: {matches: '(urgente'}\n    then: {note: x}\n"
    (found,) = mistakes(text)
    assert found.startswith("5:26: ")
    assert "missing )" in found
    assert "look-around" in mistakes(text.replace("(urgente", "(?=urgente)"))[0]


def test_unknown_words_come_with_a_suggestion() -> None:
    text = """\
rules:
  - name: r
    when: custmer_commented
    if: {sender_domian: x, subject: {contain: y}, kind: humen}
    then: {set_staus: resolvido, priority: hihg}
"""
    found = "\n".join(mistakes(text))
    for line, word in [
        ("3:11", "customer_commented"),
        ("4:10", "sender_domain"),
        ("4:38", "contains"),
        ("4:57", "human"),
        ("5:12", "set_status"),
        ("5:44", "high"),
    ]:
        assert any(m.startswith(f"{line}: ") and f"did you mean `{word}`?" in m for m in found.splitlines()), found


def test_names_that_nothing_defines_are_found_at_load() -> None:
    text = """\
rules:
  - {name: a, when: timer, if: {status: resolvdo}, then: {set_status: fechdo}}
  - {name: a, when: timer, if: {any: [{not: {topic: duvda}}]}, then: {department: suport, set_status: novo}}
  - {name: c, when: timer, then: {agent: burno@x.test}}
"""
    file, _ = yamlfile.validate(yamlfile.parse(text, "rules.yaml"), RulesFile)
    assert file is not None
    known = Known(["novo", "resolvido", "fechado"], ["suporte"], ["duvida"], ["fechado", "resolvido"])
    found = dict(problems(file, known))
    assert "did you mean `resolvido`?" in found["rules", 0, "if", "status"]
    assert "did you mean `fechado`?" in found["rules", 0, "then", "set_status"]
    assert "two rules" in found["rules", 1, "name"]
    assert "did you mean `duvida`?" in found["rules", 1, "if", "any", 0, "not", "topic"]
    assert "did you mean `suporte`?" in found["rules", 1, "then", "department"]
    assert "no transition to `novo`" in found["rules", 1, "then", "set_status"]
    assert len(found) == 6
    (doubt,) = doubts(file, ["bruno@x.test"])
    assert "did you mean `bruno@x.test`?" in doubt[1]


@given(
    st.builds(
        RuleFacts,
        sender=st.text(),
        recipients=st.tuples(st.text()),
        subject=st.text(),
        body=st.text(),
        headers=st.lists(st.tuples(st.text(), st.text())).map(tuple),
        status=st.text(),
        kind=st.sampled_from(["human", "automatic"]),
    )
)
def test_no_mail_makes_the_shipped_rules_fail(facts: RuleFacts) -> None:
    for preset in ("centrium", "totvs"):
        shipped = book((PRESETS / preset / "rules.yaml").read_text())
        for when in ("message_received", "customer_commented"):
            assert all(result.error is None for result in run(shipped, when, facts))
