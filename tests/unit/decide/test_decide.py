"""What becomes of a mail: told as facts in, decision out, under the rules that Centrium's preset ships."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailgate.decide.decide import decide
from mailgate.decide.decision import (
    AddComment,
    AskAgent,
    Assign,
    Decision,
    OpenTicket,
    RefuseCommand,
    Remark,
    ReturnedMail,
    SetField,
    SetStatus,
)
from mailgate.decide.facts import Bound, Counters, Facts, Policy
from mailgate.decide.ruling import Book
from mailgate.links.tokens import ReplyIdentity
from mailgate.mail.message import Address, Bounce
from mailgate.rules.book import RuleBook, RulesFile
from store.vocabulary import CommentKind, HeldReason, Notice, Outcome, Role
from tests.unit.decide.cases import (
    ANA,
    BRUNO,
    PROVEN,
    SUPPORT,
    agent_at_terminal,
    book,
    by_key,
    by_their_id,
    by_token,
    customer_on_page,
    done,
    facts,
    mail_from,
    ticket,
)

ONE = ticket()
UNKNOWN = "helena@nova.test"


def _decide(known: Facts, preset: str = "centrium") -> Decision:
    return decide(known, book(preset))


def _status(decision: Decision) -> list[tuple[str, str]]:
    return [(a.status, a.by) for a in done(decision, SetStatus)]


# --- a customer's answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "before", "after"),
    [
        ("centrium", "aberto", []),
        ("centrium", "com_dev", []),
        ("centrium", "com_cliente", [("aberto", "rule cliente-respondeu")]),
        ("centrium", "resolvido", [("reaberto", "rule reabrir-ao-responder")]),
        ("centrium", "reaberto", []),
        ("totvs", "pendente", [("aberto", "rule cliente-respondeu")]),
        ("totvs", "validacao", [("aberto", "rule cliente-respondeu")]),
        ("totvs", "resolvido", [("aberto", "rule reabrir-ao-responder")]),
    ],
)
@pytest.mark.parametrize("road", ["mail", "unproven mail", "page"])
def test_the_rules_say_where_an_answer_leads_by_mail_or_page(
    preset: str, before: str, after: list[tuple[str, str]], road: str
) -> None:
    seen = ticket(1, before, preset=preset)
    if road == "page":
        known = facts(None, seen, action=customer_on_page(), sender=ANA)
    else:
        known = facts(mail_from(auth=PROVEN if road == "mail" else mail_from().auth), seen, candidates=(by_key(seen),))
    decision = _decide(known, preset)
    assert decision.outcome is Outcome.COMMENTED
    assert _status(decision) == after
    (comment,) = done(decision, AddComment)
    assert (comment.kind, comment.role, comment.verified) == (
        CommentKind.COMMENT, Role.CUSTOMER, road != "unproven mail",
    )  # fmt: skip


@pytest.mark.parametrize("road", ["mail", "page"])
def test_an_answer_to_a_closed_ticket_opens_a_linked_one(road: str) -> None:
    closed = ticket(1, "fechado", department="fiscal")
    if road == "page":
        known = facts(None, closed, action=customer_on_page(), sender=ANA)
    else:
        known = facts(mail_from(), closed, candidates=(by_token(closed, ANA),))
    decision = _decide(known)
    (opened,) = done(decision, OpenTicket)
    assert (decision.outcome, opened.follow_up_of, opened.status, opened.claims) == (
        Outcome.OPENED, closed.id, "aberto", "",
    )  # fmt: skip
    assert decision.ticket_id is None


def test_a_stranger_who_names_a_ticket_opens_one_that_claims_it() -> None:
    decision = _decide(facts(mail_from(UNKNOWN, auth=PROVEN), ONE, candidates=(by_key(ONE),)))
    (opened,) = done(decision, OpenTicket)
    assert (opened.claims, opened.follow_up_of, decision.ticket_id) == ("SUP-1", None, None)


def test_a_mail_about_nothing_opens_a_ticket_with_what_it_said() -> None:
    decision = _decide(facts(mail_from(UNKNOWN, "Não abre.", name="Helena", subject="Não abre")))
    (opened,) = done(decision, OpenTicket)
    assert (opened.requester_address, opened.requester_name, opened.subject, opened.status, opened.verified) == (
        UNKNOWN, "Helena", "Não abre", "aberto", False,
    )  # fmt: skip


# --- nobody's word: automatic mail, reports, loops --------------------------------------------------------------------


@pytest.mark.parametrize("author", [ANA.address, BRUNO.address])
def test_an_absence_notice_is_neither_an_answer_nor_a_command(author: str) -> None:
    """I14, S10: an agent's out-of-office to his copy of the notice does not become the public answer."""
    seen = ticket(1, "resolvido")
    person = BRUNO if author == BRUNO.address else ANA
    mail = mail_from(
        author, "Volto dia 10.\n#fechado", auth=PROVEN, kind="auto_reply", kind_reason="Auto-Submitted: auto-replied",
        may_answer=False,
    )  # fmt: skip
    decision = _decide(facts(mail, seen, candidates=(by_token(seen, person),)))
    assert (decision.outcome, decision.automatic, _status(decision)) == (Outcome.AUTOMATIC, True, [])
    assert [(c.kind, c.role) for c in done(decision, AddComment)] == [(CommentKind.NOTE, Role.SYSTEM)]


def test_an_absence_notice_about_nothing_opens_nothing() -> None:
    mail = mail_from(kind="auto_reply", kind_reason="Auto-Submitted: auto-replied", may_answer=False)
    assert (_decide(facts(mail)).outcome, _decide(facts(mail)).actions) == (Outcome.AUTOMATIC, ())


@pytest.mark.parametrize("reason", ["Auto-Submitted: auto-generated", "Subject: férias"])
def test_a_machine_that_reports_opens_a_ticket_that_nobody_answers_automatically(reason: str) -> None:
    mail = mail_from(kind="auto_reply", kind_reason=reason, may_answer=False)
    decision = _decide(facts(mail))
    assert (decision.outcome, decision.automatic) == (Outcome.OPENED, True)


def _report(role: Role) -> Facts:
    identity = ReplyIdentity(1, 11, role, 1, Notice.N5)
    bounce = Bounce("ana@cliente.test", "5.1.1", "failed", "550 no such user")
    mail = mail_from(
        "mailer-daemon@relay.test", kind="dsn", may_answer=False, bounce=bounce, bounce_identity=identity, mail_from=""
    )
    return facts(mail, ONE)


def test_a_report_about_a_customers_copy_is_written_on_the_ticket() -> None:
    decision = _decide(_report(Role.CUSTOMER))
    assert (decision.outcome, decision.ticket_id) == (Outcome.DSN, ONE.id)
    assert done(decision, ReturnedMail) == [ReturnedMail("ana@cliente.test", "5.1.1", "failed", "550 no such user")]


def test_a_report_about_an_agents_copy_is_told_to_nobody() -> None:
    """What tells the agent that his mailbox refuses mail would itself be refused, and reported, without end."""
    decision = _decide(_report(Role.AGENT))
    assert (decision.outcome, decision.ticket_id, done(decision, ReturnedMail)) == (Outcome.DSN, ONE.id, [])
    assert [r.kind for r in done(decision, Remark)] == ["agents_copy_returned"]


def test_a_forged_report_touches_no_ticket() -> None:
    """S9: only a Message-ID or an address that we made counts."""
    mail = mail_from("mailer-daemon@relay.test", kind="dsn", may_answer=False, mail_from="", subject="SUP-1")
    decision = _decide(facts(mail, ONE, candidates=(by_key(ONE),)))
    assert (decision.outcome, decision.ticket_id, decision.actions) == (Outcome.DSN, None, ())


@pytest.mark.parametrize("author", [SUPPORT, "SUPORTE@example.test", "suporte+abc@example.test"])
def test_mail_from_ourselves_is_a_loop(author: str) -> None:
    decision = _decide(facts(mail_from(author, auth=PROVEN)))
    assert (decision.outcome, decision.reason, decision.actions) == (Outcome.HELD, HeldReason.LOOP, ())


def test_our_own_mail_that_comes_back_is_a_loop() -> None:
    decision = _decide(facts(mail_from(kind="loop", kind_reason="our own mail came back")))
    assert (decision.outcome, decision.reason) == (Outcome.HELD, HeldReason.LOOP)


# --- held, rejected, released -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (replace(mail_from(), author=None), HeldReason.AMBIGUOUS),
        (replace(mail_from(), author=None, from_=None), HeldReason.AMBIGUOUS),
        (replace(mail_from(BRUNO.address, auth=PROVEN), author=None), HeldReason.AMBIGUOUS),
        (mail_from(over_limit="601 parts"), HeldReason.LIMIT),
    ],
    ids=["two addresses in From", "no From", "agent and another in From", "over a limit"],
)
def test_held_for_a_person_and_passed_when_he_says_so(mail: Any, reason: HeldReason) -> None:
    decision = _decide(facts(mail))
    assert (decision.outcome, decision.reason, decision.actions, decision.thread.kind) == (
        Outcome.HELD, reason, (), "none",
    )  # fmt: skip
    assert _decide(facts(mail, released=True)).outcome is Outcome.OPENED


def test_without_any_address_nobody_can_be_answered_even_when_released() -> None:
    nobody = mail_from("")
    for known in (facts(nobody), facts(nobody, released=True)):
        assert (_decide(known).outcome, _decide(known).reason) == (Outcome.HELD, HeldReason.AMBIGUOUS)


@pytest.mark.parametrize(
    ("guests", "outcome", "reason"),
    [("yes", Outcome.OPENED, ""), ("held", Outcome.HELD, "unknown_sender"),
     ("rejected", Outcome.REJECTED, "unknown_sender")],
)  # fmt: skip
def test_guests(guests: str, outcome: Outcome, reason: str) -> None:
    policy = Policy("SUP", guests=guests)
    decision = _decide(facts(mail_from(UNKNOWN, auth=PROVEN), policy=policy))
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert _decide(facts(mail_from(), policy=policy)).outcome is Outcome.OPENED, "a known contact is no guest"
    assert _decide(facts(mail_from(BRUNO.address), policy=policy)).outcome is Outcome.OPENED, "nor is an agent"
    assert _decide(facts(mail_from(UNKNOWN), policy=policy, released=True)).outcome is Outcome.OPENED


def test_a_guest_who_holds_a_reply_address_is_heard() -> None:
    known = facts(mail_from(UNKNOWN), ONE, candidates=(by_token(ONE, ANA),), policy=Policy("SUP", guests="held"))
    assert _decide(known).outcome is Outcome.COMMENTED


def test_a_contact_who_was_switched_off_waits_for_a_person() -> None:
    off = replace(ANA, active=False)
    seen = ticket(requester=off)
    known = facts(mail_from(auth=PROVEN), seen, sender=off, candidates=(by_token(seen, ANA),))
    assert (_decide(known).outcome, _decide(known).reason) == (Outcome.HELD, HeldReason.UNKNOWN_SENDER)


_BOUNDS = Policy("SUP", mails=(Bound(60, 3600),), tickets=(Bound(20, 3600),), comments=(Bound(100, 86400),))


@pytest.mark.parametrize(
    ("counted", "on_ticket", "stopped"),
    [
        (Counters(mails=(59,), tickets=(19,)), False, ""),
        (Counters(mails=(60,), tickets=(0,)), False, "60 mails of this sender"),
        (Counters(mails=(0,), tickets=(20,)), False, "20 new tickets of this sender"),
        (Counters(mails=(0,), tickets=(20,), comments=(99,)), True, ""),
        (Counters(mails=(0,), comments=(100,)), True, "100 comments on this ticket"),
    ],
)
def test_limits(counted: Counters, on_ticket: bool, stopped: str) -> None:
    named = {"candidates": (by_key(ONE),)} if on_ticket else {}
    known = facts(mail_from(auth=PROVEN), ONE, counters=counted, policy=_BOUNDS, **named)
    decision = _decide(known)
    assert (decision.outcome is Outcome.HELD, decision.reason == HeldReason.LIMIT) == (bool(stopped), bool(stopped))
    assert stopped in decision.why
    assert _decide(replace(known, released=True)).outcome is not Outcome.HELD


def test_no_limit_for_a_proven_agent_and_every_limit_for_who_claims_to_be_one() -> None:
    many = Counters(mails=(60,))
    at_copy = {"candidates": (by_token(ONE, BRUNO),), "counters": many, "policy": _BOUNDS}
    assert _decide(facts(mail_from(BRUNO.address, auth=PROVEN), ONE, **at_copy)).outcome is Outcome.COMMENTED
    assert _decide(facts(mail_from(BRUNO.address), ONE, **at_copy)).outcome is Outcome.HELD


def test_what_the_border_marked_as_spam_is_held_by_the_shipped_rule() -> None:
    known = facts(mail_from(headers=(("X-Spam-Flag", "YES"),)))
    decision = _decide(known)
    assert (decision.outcome, decision.reason) == (Outcome.HELD, HeldReason.RULE)
    assert [r.name for r in decision.rules if r.matched] == ["spam-fica-retido"]
    assert _decide(replace(known, released=True)).outcome is Outcome.OPENED


def _rules(*rules: dict[str, Any]) -> Book:
    return Book(RuleBook.of(RulesFile.model_validate({"rules": list(rules)})), book().workflow)


def test_a_rule_may_reject() -> None:
    refuse = {"name": "sem-exe", "when": "message_received", "if": {"attachment_name": {"matches": r"\.exe$"}},
              "then": {"reject": "envie em .zip"}}  # fmt: skip
    decision = decide(facts(mail_from(attachment_names=("a.exe",))), _rules(refuse))
    assert (decision.outcome, decision.why, decision.actions) == (Outcome.REJECTED, "envie em .zip", ())


def test_a_rule_cannot_ask_for_what_the_workflow_lacks() -> None:
    leap = {"name": "salto", "when": "customer_commented", "then": {"set_status": "reaberto"}}
    decision = decide(facts(mail_from(), ONE, candidates=(by_key(ONE),)), _rules(leap))
    assert _status(decision) == []
    assert "no transition from `aberto` to `reaberto`" in decision.rules[0].error


# --- an agent --------------------------------------------------------------------------------------------------------


def _answer(text: str, status: str = "aberto", **values: Any) -> Facts:
    """Bruno, proven, to his own copy's reply address."""
    seen = ticket(1, status, agent_id=values.pop("agent_id", None))
    mail = mail_from(BRUNO.address, text, auth=PROVEN, attachment_names=values.pop("files", ()))
    return facts(mail, seen, candidates=(by_token(seen, BRUNO),), **values)


def test_a_first_answer_is_public_and_assigns_its_author() -> None:
    decision = _decide(_answer("Instale a versão 8.2."))
    assert [(c.kind, c.role, c.text) for c in done(decision, AddComment)] == [
        (CommentKind.COMMENT, Role.AGENT, "Instale a versão 8.2.")
    ]
    assert [a.agent_id for a in done(decision, Assign)] == [BRUNO.id]
    assert _status(decision) == []


def test_a_later_answer_takes_the_ticket_from_nobody() -> None:
    assert done(_decide(_answer("Pronto.", agent_id=22)), Assign) == []


def test_the_agents_status_beats_the_rules() -> None:
    eager = {"name": "todo-retorno-espera", "when": "agent_commented", "then": {"set_status": "com_cliente"}}
    decision = decide(_answer("#resolvido\nPronto."), _rules(eager))
    assert _status(decision) == [("resolvido", "agent")]
    assert _status(decide(_answer("Pronto."), _rules(eager))) == [("com_cliente", "rule todo-retorno-espera")]


def test_only_a_command_sends_no_empty_answer() -> None:
    decision = _decide(_answer("#resolvido"))
    assert (decision.outcome, done(decision, AddComment), done(decision, Assign)) == (Outcome.COMMAND, [], [])
    assert _status(decision) == [("resolvido", "agent")]


def test_a_file_without_words_is_an_answer() -> None:
    assert len(done(_decide(_answer("#resolvido", files=("manual.pdf",))), AddComment)) == 1


def test_a_note_is_no_answer_and_assigns_nobody() -> None:
    decision = _decide(_answer("#nota\nCliente difícil."))
    assert [(c.kind, c.text) for c in done(decision, AddComment)] == [(CommentKind.NOTE, "Cliente difícil.")]
    assert done(decision, Assign) == []


@pytest.mark.parametrize("text", ["#resovido\nPronto.", "#resolvido\nPronto.\n#aberto", "#reaberto\nVoltou."])
def test_doubt_about_a_command_sends_nothing(text: str) -> None:
    decision = _decide(_answer(text))
    assert decision.outcome is Outcome.COMMAND
    assert [c.kind for c in done(decision, AddComment)] == [CommentKind.NOTE]
    assert [r.agent_id for r in done(decision, RefuseCommand)] == [BRUNO.id]
    assert _status(decision) == []


def test_what_is_left_of_our_notice_holds_the_answer_until_the_agent_says_so() -> None:
    decision = _decide(_answer("Pronto.", leaked="a reply address of ours"))
    assert (decision.outcome, decision.reason) == (Outcome.HELD, HeldReason.AMBIGUOUS)
    assert done(decision, AddComment) == []
    assert [(a.agent_id, a.link) for a in done(decision, AskAgent)] == [(BRUNO.id, True)]
    again = _decide(_answer("Pronto.", leaked="a reply address of ours", confirmed=True))
    assert [c.kind for c in done(again, AddComment)] == [CommentKind.COMMENT]
    assert _decide(_answer("#nota\nPronto.", leaked="an access link")).outcome is Outcome.COMMENTED


def test_a_question_of_an_agent_is_a_ticket_of_his_own() -> None:
    decision = _decide(facts(mail_from(BRUNO.address, "Sem acesso à VPN.", auth=PROVEN)))
    (opened,) = done(decision, OpenTicket)
    (said,) = done(decision, AddComment)
    assert (opened.requester_address, opened.agent_id) == (BRUNO.address, None)
    assert (said.role, said.person_id) == (Role.CUSTOMER, None), "an agent's number is no contact's"


def _for_customer(text: str, *, proven: bool = True, **values: Any) -> Facts:
    to = (Address("", SUPPORT), Address("Helena", UNKNOWN))
    return facts(mail_from(BRUNO.address, text, auth=PROVEN if proven else mail_from().auth, to=to), **values)


def test_an_agent_opens_in_the_name_of_the_customer_in_copy() -> None:
    decision = _decide(_for_customer("#com-cliente\nComo falamos ao telefone."))
    (opened,) = done(decision, OpenTicket)
    assert (opened.requester_address, opened.requester_name, opened.agent_id, opened.status) == (
        UNKNOWN, "Helena", BRUNO.id, "com_cliente",
    )  # fmt: skip
    assert [(c.role, c.kind, c.text) for c in done(decision, AddComment)] == [
        (Role.AGENT, CommentKind.COMMENT, "Como falamos ao telefone.")
    ]


@pytest.mark.parametrize("text", ["#resovido\nOlá.", "#reaberto\nOlá."])
def test_doubt_about_a_command_opens_nothing_in_a_customers_name(text: str) -> None:
    decision = _decide(_for_customer(text))
    assert (decision.outcome, done(decision, OpenTicket)) == (Outcome.COMMAND, [])
    assert len(done(decision, RefuseCommand)) == 1


def test_unproven_nobody_opens_in_a_customers_name() -> None:
    (opened,) = done(_decide(_for_customer("Olá.", proven=False)), OpenTicket)
    assert (opened.requester_address, opened.verified) == (BRUNO.address, False)


def test_a_rule_at_opening_adds_to_what_the_agent_said_and_yields_to_his_status() -> None:
    rule = {"name": "vip", "when": "ticket_opened",
            "then": {"note": "cliente VIP", "priority": "high", "set_status": "com_dev"}}  # fmt: skip
    decision = decide(_for_customer("#com-cliente\nOlá."), _rules(rule))
    assert [(c.role, c.text) for c in done(decision, AddComment)] == [
        (Role.AGENT, "Olá."), (Role.SYSTEM, "cliente VIP"),
    ]  # fmt: skip
    assert [(f.name, f.values) for f in done(decision, SetField)] == [("priority", ("high",))]
    assert (done(decision, OpenTicket)[0].status, _status(decision)) == ("com_cliente", [])


@pytest.mark.parametrize(
    ("verb", "kinds", "statuses", "assigned"),
    [
        ("reply", [CommentKind.COMMENT], [("resolvido", "agent")], [BRUNO.id]),
        ("note", [CommentKind.NOTE], [("resolvido", "agent")], []),
        ("set_status", [], [("resolvido", "agent")], []),
    ],
)
def test_an_agent_at_the_terminal(verb: str, kinds: list[Any], statuses: list[Any], assigned: list[Any]) -> None:
    text = "" if verb == "set_status" else "Pronto."
    decision = _decide(facts(None, ONE, action=agent_at_terminal(verb, text, "resolvido")))
    assert [c.kind for c in done(decision, AddComment)] == kinds
    assert _status(decision) == statuses
    assert [a.agent_id for a in done(decision, Assign)] == assigned


def test_assigning_at_the_terminal() -> None:
    decision = _decide(facts(None, ONE, action=agent_at_terminal("assign", agent_id=22)))
    assert [a.agent_id for a in done(decision, Assign)] == [22]


# --- time ------------------------------------------------------------------------------------------------------------


def test_totvs_closes_what_was_resolved_five_days_ago() -> None:
    seen = ticket(1, "resolvido", preset="totvs")
    (timed,) = book("totvs").workflow.timers_for("resolvido")
    decision = _decide(facts(None, seen, timer=timed.name), "totvs")
    assert _status(decision) == [("fechado", "timer 5d since entered")]


def test_a_timer_that_the_workflow_no_longer_has_does_nothing() -> None:
    decision = _decide(facts(None, ticket(1, "resolvido"), timer="resolvido>fechado:5d:entered"))
    assert (decision.reason, decision.actions) == ("cancelled", ())


def test_centrium_lets_no_time_close_a_ticket() -> None:
    workflow = book("centrium").workflow
    assert [t for status in workflow.states for t in workflow.timers_for(status)] == []


def test_the_customers_own_earlier_mail_is_evidence_enough_for_a_marked_comment() -> None:
    decision = _decide(facts(mail_from(), ONE, candidates=(by_their_id(ONE),)))
    assert [(c.verified, c.kind) for c in done(decision, AddComment)] == [(False, CommentKind.COMMENT)]
