"""Who is told what, on a real database: each notice by what brings it about."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

import pytest

from mailgate.errors import NotAllowed
from mailgate.flows import duedates, following, survey
from mailgate.flows.survey import Asked
from mailgate.links.tokens import Capability, action_address
from store import links, tickets
from store.vocabulary import Outcome, Road, Role
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

MARTA = ("Marta", "marta@example.test")


@pytest.fixture
def opened(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket SUP-1, at a company with Bruno, an agent, and Marta, who leads."""
    story = make_story(
        agents=[
            {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]},
            {"name": MARTA[0], "address": MARTA[1], "departments": ["gestao"], "role": "manager"},
        ]
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada com o erro 656 outra vez."))
    return story


def body(row: Any) -> dict[str, Any]:
    """What a row of the outbox tells."""
    told: dict[str, Any] = json.loads(row.body)
    return told


def test_whoever_has_a_ticket_is_told_before_its_due_date_and_after_it_once_each(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#assumir")
    due = opened.ticket("SUP-1").due_at
    before = len(opened.outbox("N19"))
    assert duedates.sweep(opened.site) == 0
    opened.later(seconds=(due - opened.site.clock()).total_seconds() - 1800)
    assert [duedates.sweep(opened.site), duedates.sweep(opened.site)] == [1, 0]
    opened.later(hours=1)
    assert [duedates.sweep(opened.site), duedates.sweep(opened.site)] == [1, 0]
    told = opened.outbox("N19")[before:]
    assert [(row.recipient, body(row)["event"]) for row in told] == [(BRUNO[1], "due_soon"), (BRUNO[1], "overdue")]


# --- buttons that are e-mails, and pages --------------------------------------------------------------------------


def button(story: Story, verb: str, person_id: int, role: Role = Role.CUSTOMER) -> str:
    """The address of a button of SUP-1."""
    token = story.site.mint.action_token(Capability(1, person_id, role, story.ticket("SUP-1").version, verb))
    return action_address(SUPPORT, token)


def press(story: Story, verb: str, text: str = "", *, author: tuple[str, str] = ANA, verified: bool = True) -> Outcome:
    """Ana's mail client sends the mail of a button as it was filled in, with what she wrote above."""
    to = button(story, verb, story.ticket("SUP-1").requester_id)
    filled = f"{text}\n\n-- \nExcelente\nEnvie este e-mail como está. Se quiser, escreva acima desta linha.\n"
    settled = story.receive(plain_mail(author, to, f"[SUP-1] {verb}", filled, verified=verified), [to])
    assert settled.outcome is not None
    return settled.outcome


def ratings(story: Story) -> list[tuple[str, str]]:
    """The ratings of SUP-1, the first one first."""
    with story.site.writer.database.read() as connection:
        found = tickets.surveys(connection, story.ticket("SUP-1").id)
    return [(one.data["rating"], one.data["comment"]) for one in found]


def asked(story: Story, purpose: str = "rate", address: str = ANA[1]) -> Asked:
    """What the person's link asks about."""
    link_id = story.site.mint.read_access_token(story.token("SUP-1", address))
    assert link_id is not None
    with story.site.writer.database.read() as connection:
        found = survey.asked(connection, story.site, story.site.mint.access_token(link_id, purpose), purpose)
    assert found is not None
    return found


def test_a_rating_by_mail_counts_for_the_person_the_button_was_made_for_and_the_manager_knows_at_once(
    opened: Story,
) -> None:
    opened.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    before = opened.ticket("SUP-1")
    assert press(opened, "rate_4", "Rápido e claro.", verified=False) is Outcome.COMMAND
    assert ratings(opened) == [("4", "Rápido e claro.")]
    assert opened.told("N13") == [("N13", MARTA[1])]
    told = body(opened.outbox("N13")[0])
    assert (told["score"], told["said"], told["said_by"]) == (4, "Rápido e claro.", ANA[0])
    after = opened.ticket("SUP-1")
    assert (after.status, after.version) == (before.status, before.version), "a rating is no answer"
    (mail,) = [m for m in opened.deliver() if m.recipient == MARTA[1]]
    assert b"Rapido" not in mail.raw
    assert b"4_de_5" in mail.raw or b"4 de 5" in mail.raw


def test_a_rating_can_be_changed_for_seven_days_and_no_longer(opened: Story) -> None:
    press(opened, "rate_2", "Demorou.")
    opened.later(days=6)
    press(opened, "rate_5", "Agora sim.")
    opened.later(days=2)
    press(opened, "rate_1", "De novo.")
    assert ratings(opened) == [("2", "Demorou."), ("5", "Agora sim.")]
    assert len(opened.told("N13")) == 2


def _closed_with_survey(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    story.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    story.later(days=5, minutes=1)
    story.sweep()
    assert story.told("N12") == [("N12", ANA[1])]


def test_a_survey_has_a_time_of_its_own(make_story: Callable[..., Story]) -> None:
    """`limits.survey_link`: by the page and by mail alike, longer or shorter than the link that opens the ticket."""
    story = make_story(preset="totvs", limits={"survey_link": "40d", "access_link": "10d"})
    _closed_with_survey(story)
    story.later(days=39)
    assert asked(story).state == "open"
    story.later(days=2)
    assert asked(story).state == "expired"
    assert press(story, "rate_4", "Rápido.") is Outcome.COMMAND
    assert (ratings(story), story.told("N13")) == ([], [])
    with pytest.raises(NotAllowed):
        survey.rate(story.site, asked(story), 5, "")


def test_who_answered_the_survey_in_time_may_change_the_answer_after_it(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="totvs", limits={"survey_link": "2d"})
    _closed_with_survey(story)
    story.later(days=1)
    press(story, "rate_2", "Demorou.")
    story.later(days=3)
    assert asked(story).state == "open"
    survey.rate(story.site, asked(story), 4, "Agora sim.")
    press(story, "rate_5", "Melhor ainda.")
    assert [score for score, _ in ratings(story)] == ["2", "4", "5"]


def test_a_survey_of_a_link_that_was_made_useless_is_useless(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="totvs")
    _closed_with_survey(story)
    link_id = story.site.mint.read_access_token(story.token("SUP-1"))
    assert link_id is not None
    ticket_id = story.ticket("SUP-1").id
    story.site.writer.call(lambda c: links.revoke(c, ticket_id, story.site.clock()))
    with story.site.writer.database.read() as connection:
        assert survey.asked(connection, story.site, story.site.mint.access_token(link_id, "rate"), "rate") is None


def test_where_nobody_leads_a_rating_reaches_the_agents(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    press(story, "rate_3")
    assert story.told("N13") == [("N13", BRUNO[1])]


def test_an_out_of_office_to_a_button_rates_nothing(opened: Story) -> None:
    to = button(opened, "rate_1", opened.ticket("SUP-1").requester_id)
    mail = plain_mail(ANA, to, "Resposta automática: férias", "Estou de férias.").replace(
        b"From:", b"Auto-Submitted: auto-replied\r\nFrom:", 1
    )
    assert opened.receive(mail, [to]).outcome is Outcome.AUTOMATIC
    assert ratings(opened) == []


def test_a_button_of_another_key_is_no_button(opened: Story) -> None:
    to = button(opened, "rate_5", opened.ticket("SUP-1").requester_id)
    local, _, domain = to.partition("@")
    forged = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    opened.receive(plain_mail(ANA, forged, "[SUP-1] rate", "Ótimo."), [forged])
    assert ratings(opened) == []


def test_solved_closes_where_the_workflow_lets_the_customer_and_once(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    press(opened, "solved")
    assert opened.ticket("SUP-1").category == "closed"
    count = len(opened.outbox())
    assert press(opened, "solved", "Obrigada!") is Outcome.COMMENTED
    assert opened.ticket("SUP-1").category == "closed"
    assert [n for n, _ in opened.told()[count:]] == ["N19"], "a word of thanks reaches the agent, and moves nothing"


def test_not_solved_is_an_answer_and_reopens(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    press(opened, "not_solved", "O erro 656 continua.")
    assert opened.ticket("SUP-1").status == "reaberto"


def test_an_agents_button_is_a_command_and_needs_his_proof(opened: Story) -> None:
    bruno = json.loads(opened.outbox("N19")[0].body)
    assert [verb for verb, _ in bruno["actions"]] == ["take", "ask_info"]
    to = bruno["actions"][0][1]
    mail = plain_mail(BRUNO, to, "[SUP-1] Assumir", "\n-- \nAssumir\n", verified=False)
    opened.receive(mail, [to])
    assert opened.ticket("SUP-1").agent_name is None
    again = plain_mail(BRUNO, to, "[SUP-1] Assumir agora", "\n-- \nAssumir\n", verified=False)
    opened.receive(again, [to], road=Road.SUBMISSION, auth_user=BRUNO[1])
    assert opened.ticket("SUP-1").agent_name == BRUNO[0]


def test_the_survey_page_keeps_one_answer_and_the_same_again_tells_nobody(opened: Story) -> None:
    survey.rate(opened.site, asked(opened), 5, "")
    survey.rate(opened.site, asked(opened), 5, "")
    assert (ratings(opened), len(opened.told("N13"))) == ([("5", "")], 1)
    assert (asked(opened).score, asked(opened).state) == (5, "open")
    with pytest.raises(NotAllowed):
        survey.rate(opened.site, asked(opened), 6, "")
    opened.later(days=8)
    assert asked(opened).state == "late"


def test_who_follows_a_ticket_can_end_the_notices_with_one_click(opened: Story) -> None:
    opened.agent_answers("SUP-1", f"#participante {CARMEN[1]}\nIncluí a Carmen.")
    told = body(opened.outbox("N15")[0])
    assert told["stop_id"]
    mail = next(m for m in opened.deliver() if m.recipient == CARMEN[1])
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail.raw
    assert survey.stop(opened.site, asked(opened, "stop", CARMEN[1]))
    assert not survey.stop(opened.site, asked(opened, "stop", CARMEN[1]))
    before = len(opened.outbox())
    opened.agent_answers("SUP-1", "Mais uma coisa.")
    assert [who for _, who in opened.told()[before:]] == [ANA[1]]
    assert "muted" in opened.events("SUP-1")


def test_the_requester_can_end_the_notices_of_one_ticket_and_hears_again_when_he_writes(opened: Story) -> None:
    """R117. No List-Unsubscribe for him: a quiet link in the footer, its page, and the ticket's own bell."""
    opened.agent_answers("SUP-1", "Instale a versão 8.2.")
    mail = next(m for m in opened.deliver() if m.recipient == ANA[1] and b"8.2" in m.raw)
    assert b"List-Unsubscribe" not in mail.raw
    assert "/stop/" in message_from_bytes(mail.raw, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore
    assert survey.stop(opened.site, asked(opened, "stop"))
    assert not survey.stop(opened.site, asked(opened, "stop"))
    count = len(opened.outbox())
    opened.agent_answers("SUP-1", "Mais uma coisa.")
    opened.agent_answers("SUP-1", "#resolvido\nE pronto.")
    assert opened.told()[count:] == []
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "O erro voltou."))
    assert (opened.ticket("SUP-1").status, opened.told()[count:][0]) == ("reaberto", ("N11", ANA[1]))
    opened.agent_answers("SUP-1", "Vejo já.")
    assert opened.told()[-1] == ("N5", ANA[1])
    assert opened.events("SUP-1").count("bell") == 1


def test_nobody_else_and_no_forger_rings_the_requesters_bell(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#participante " + CARMEN[1])
    following.set_bell(opened.site, "SUP-1", ANA[1], on=False)
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Escreve outro.", verified=False))
    opened.receive(plain_mail(CARMEN, SUPPORT, "Re: [SUP-1] Nota recusada", "Hola."))
    count = len(opened.outbox())
    opened.agent_answers("SUP-1", "Vejo já.")
    assert opened.told()[count:] == [("N5", CARMEN[1])]


# --- what time does -----------------------------------------------------------------------------------------------


def test_a_question_says_what_time_will_do_and_the_close_asks_how_it_was(make_story: Callable[..., Story]) -> None:
    """S2:32-34: Pendente 7 days, Validação Cliente, 5 days without interaction, Fechado; the dates are counted."""
    story = make_story(
        preset="totvs",
        agents=[
            {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]},
            {"name": MARTA[0], "address": MARTA[1], "departments": ["gestao"], "role": "manager"},
        ],
    )
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    asked_at = story.site.clock()
    story.agent_answers("SUP-1", "#pedir-info\nQual é a versão?")
    told = body(story.outbox("N7")[0])
    assert [label for label, _ in told["steps"]] == ["Validação Cliente", "Fechado"]
    days = [(datetime.fromisoformat(at) - asked_at).days for _, at in told["steps"]]
    assert days == [7, 12]
    story.later(days=7, minutes=1)
    story.sweep()
    assert story.told("N9") == [("N9", ANA[1])]
    story.later(days=5, minutes=1)
    story.sweep()
    closed = body(story.outbox("N12")[0])
    assert (closed["reason"], story.ticket("SUP-1").category) == ("closed_no_answer", "closed")
    texts = {m.recipient: message_from_bytes(m.raw, policy=policy.default) for m in story.deliver()}
    assert "Re: Nota recusada [SUP-1]" in str(texts[ANA[1]]["Subject"])


def test_a_solution_that_is_accepted_brings_the_survey(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="totvs")
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    story.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    solved = body(story.outbox("N10")[0])
    assert [verb for verb, _ in solved["actions"]] == ["solved", "not_solved"]
    story.later(days=5, minutes=1)
    story.sweep()
    row = story.outbox("N12")[0]
    assert [verb for verb, _ in body(row)["actions"]] == [f"rate_{n}" for n in (5, 4, 3, 2, 1)]
    (mail,) = [m for m in story.deliver() if m.id == row.id]
    text = message_from_bytes(mail.raw, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "/rate/" in text
    assert "mailto:suporte%2Ba" in text


def test_an_answer_quotes_what_was_said_before_and_nothing_unproven_to_others(opened: Story) -> None:
    opened.agent_answers("SUP-1", f"#participante {CARMEN[1]}\nQual é a versão?")
    opened.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "É a 8.1, sem prova.", verified=False))
    opened.deliver()
    opened.agent_answers("SUP-1", "Obrigado, já vemos.")
    mails = {m.recipient: message_from_bytes(m.raw, policy=policy.default) for m in opened.deliver()}
    said = {who: str(m.get_body(("plain",)).get_content()) for who, m in mails.items()}  # type: ignore[union-attr]
    for who in (ANA[1], CARMEN[1]):
        assert "> Qual é a versão?" in said[who]
        assert "> A nota 4411 foi recusada" in said[who]
    assert "> É a 8.1, sem prova." in said[ANA[1]]
    assert "sem prova" not in said[CARMEN[1]]


def test_an_agents_answer_that_quotes_a_button_is_held(opened: Story) -> None:
    to = button(opened, "rate_5", opened.ticket("SUP-1").requester_id).replace("+", "%2B")
    settled = opened.agent_answers("SUP-1", f"Veja: mailto:{to}?subject=Excelente")
    assert (settled.outcome, opened.told("N5")) == (Outcome.HELD, [])


def test_no_due_date_is_printed_of_what_is_done(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota", "Recusada."))
    assert story.ticket("SUP-1").due_at is not None
    story.agent_answers("SUP-1", "#resolvido\nCorrigido.")
    story.agent_answers("SUP-1", "#fechado")
    told = {row.notice: json.loads(row.body)["due_at"] for row in story.outbox("") if row.recipient == ANA[1]}
    assert told["N1"] is not None
    assert (told["N10"], told["N12"]) == (None, None)
    assert not any(b"X-Mailgate-Due" in m.raw for m in story.deliver() if b"Fechado" in m.raw and m.recipient == ANA[1])


# --- Reply-To (I9) ------------------------------------------------------------------------------------------------


def _replying_to(address: str, text: str, verified: bool = True) -> bytes:
    raw = plain_mail(ANA, SUPPORT, "Nota fiscal", text, verified=verified)
    return raw.replace(b"Subject:", f"Reply-To: {address}\r\nSubject:".encode(), 1)


def test_answers_go_to_a_reply_to_of_the_authors_house_and_agents_see_both(story: Story) -> None:
    story.receive(_replying_to("fiscal@cliente.test", "Não sai."))
    story.agent_answers("SUP-1", "Tente agora.")
    assert [to for notice, to in story.told() if notice in ("N1", "N5")] == ["fiscal@cliente.test"] * 2
    told = body(story.outbox("N19")[0])
    assert (told["requester_address"], told["answers_to"]) == (ANA[1], "fiscal@cliente.test")
    mail = next(m for m in story.deliver() if m.recipient == BRUNO[1])
    assert b"fiscal@cliente.test" in mail.raw
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota fiscal", "Agora do meu."))
    story.agent_answers("SUP-1", "Certo.")
    assert story.told()[-1] == ("N5", ANA[1])


@pytest.mark.parametrize("verified", [True, False])
def test_answers_never_go_to_a_reply_to_of_somebody_else(story: Story, verified: bool) -> None:
    story.receive(_replying_to("golpe@evil.test", "Não sai.", verified))
    story.agent_answers("SUP-1", "Tente agora.")
    assert {to for _, to in story.told()} == {ANA[1], BRUNO[1]}
    told = body(story.outbox("N19")[0])
    assert (told["answers_to"], told["reply_to_ignored"]) == ("", "golpe@evil.test")
    assert any(b"golpe@evil.test" in m.raw for m in story.deliver() if m.recipient == BRUNO[1])
