"""The workflow answers what may follow what, in the words of the two companies whose presets ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate import yamlfile
from mailgate.tickets.problems import problems
from mailgate.tickets.states import WorkflowFile
from mailgate.tickets.workflow import Workflow, fold
from mailgate.yamltypes import LANGUAGES
from store.vocabulary import Category

PRESETS = Path(__file__).parents[3] / "config/presets"


def preset(name: str) -> Workflow:
    document = yamlfile.load(PRESETS / name / "workflow.yaml")
    file, mistakes = yamlfile.validate(document, WorkflowFile)
    assert file is not None, mistakes
    assert problems(file) == []
    return Workflow.of(file)


CENTRIUM = preset("centrium")
TOTVS = preset("totvs")


def test_centrium_has_its_six_statuses_in_portuguese() -> None:
    labels = ["Aberto", "Com Desenvolvimento", "Com cliente", "Resolvido", "Reaberto", "Fechado"]
    assert list(CENTRIUM.labels("pt-BR").values()) == labels
    assert CENTRIUM.initial == "aberto"


def test_resolved_is_not_archived_only_closed_is() -> None:
    closed = [key for key in CENTRIUM.states if CENTRIUM.category(key) is Category.CLOSED]
    assert closed == ["fechado"]
    assert CENTRIUM.status("resolvido").tab == "abertos"
    assert CENTRIUM.status("fechado").tab == "encerrados"


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("#com-cliente", "com_cliente"),
        ("#Com Cliente", "com_cliente"),
        ("com_cliente", "com_cliente"),
        ("#resolvido", "resolvido"),
        ("#RESOLVED", "resolvido"),
        ("#resuelto", "resolvido"),
        ("#solved", "resolvido"),
        ("#com-desenvolvimento", "com_dev"),
        ("#cerrado", "fechado"),
        ("#resolvidos", None),
        ("#", None),
    ],
)
def test_a_status_is_found_by_any_of_its_names(word: str, key: str | None) -> None:
    assert CENTRIUM.find_status(word, "pt-BR") == key


def test_accents_do_not_matter() -> None:
    assert TOTVS.find_status("#validacao-cliente") == "validacao"
    assert TOTVS.find_status("Validação Cliente") == "validacao"


@pytest.mark.parametrize("workflow", [CENTRIUM, TOTVS])
def test_every_label_finds_its_own_status_again(workflow: Workflow) -> None:
    for language in LANGUAGES:
        for key, label in workflow.labels(language).items():
            assert workflow.find_status(label, language) == key


def test_an_answer_to_resolved_is_a_rule_s_wish_not_an_automatism() -> None:
    assert CENTRIUM.transition("resolvido", "customer.reply") is None
    assert CENTRIUM.can_set("resolvido", "reaberto", "rule")
    assert not CENTRIUM.can_set("aberto", "reaberto", "rule")


def test_an_answer_to_closed_opens_a_linked_ticket() -> None:
    transition = CENTRIUM.transition("fechado", "customer.reply")
    assert transition is not None
    assert (transition.to, transition.followup) == (None, "new_linked")


def test_what_an_agent_says_moves_the_ticket() -> None:
    moves = {
        trigger: found.to
        for trigger in ("agent.asks_info", "agent.handoff.dev", "agent.solution", "agent.close")
        if (found := CENTRIUM.transition("aberto", trigger)) is not None
    }
    assert moves == {
        "agent.asks_info": "com_cliente",
        "agent.handoff.dev": "com_dev",
        "agent.solution": "resolvido",
        "agent.close": "fechado",
    }
    assert CENTRIUM.transition("aberto", "agent.reply") is None


def test_a_transition_without_from_does_not_leave_closed() -> None:
    assert CENTRIUM.transition("fechado", "agent.solution") is None
    assert not CENTRIUM.can_set("fechado", "resolvido", "agent")
    assert CENTRIUM.can_set("fechado", "reaberto", "agent")


def test_agents_set_more_than_customers_do() -> None:
    assert CENTRIUM.can_set("aberto", "com_dev", "agent")
    assert not CENTRIUM.can_set("aberto", "com_dev", "customer")
    assert CENTRIUM.can_set("aberto", "fechado", "customer")  # customer.finalize
    assert not CENTRIUM.can_set("aberto", "nunca", "agent")


def test_reopened_is_only_for_what_was_resolved() -> None:
    assert not CENTRIUM.can_set("aberto", "reaberto", "agent")
    assert CENTRIUM.can_set("resolvido", "reaberto", "agent")


def test_centrium_closes_nothing_by_time_and_totvs_does() -> None:
    assert all(CENTRIUM.timers_for(key) == () for key in CENTRIUM.states)
    timers = {key: [(t.to, t.after.text, t.after.since) for t in TOTVS.timers_for(key)] for key in TOTVS.states}
    assert timers == {
        "aberto": [],
        "com_dev": [],
        "pendente": [("validacao", "7d", "entered")],
        "validacao": [("fechado", "5d", "last_interaction")],
        "resolvido": [("fechado", "5d", "entered")],
        "fechado": [],
    }


def test_the_timer_that_centrium_leaves_out_is_written_there_to_be_taken_up() -> None:
    text = (PRESETS / "centrium/workflow.yaml").read_text()
    line = "# - {from: resolvido, after: {days: 5, since: entered}, to: fechado"
    assert line in text
    file, mistakes = yamlfile.validate(yamlfile.parse(text.replace(line, line[2:]), "w"), WorkflowFile)
    assert file is not None, mistakes
    assert [t.to for t in Workflow.of(file).timers_for("resolvido")] == ["fechado"]


@pytest.mark.parametrize("workflow", [CENTRIUM, TOTVS])
def test_closing_finalising_and_reopening_exist(workflow: Workflow) -> None:
    closed = [key for key in workflow.states if workflow.category(key) is Category.CLOSED]
    for trigger in ("agent.close", "customer.finalize"):
        found = workflow.transition("aberto", trigger)
        assert found is not None
        assert found.to in closed
    assert workflow.transition("resolvido", "agent.reopen") is not None


@pytest.mark.parametrize("workflow", [CENTRIUM, TOTVS])
def test_every_status_can_be_reached_and_left(workflow: Workflow) -> None:
    assert all(workflow.reaches(key) for key in workflow.states)
    for key in workflow.states:
        assert any(workflow.can_set(key, other, "agent") for other in workflow.states if other != key), key


def test_a_status_that_left_the_file_is_named_by_its_key() -> None:
    assert CENTRIUM.label("antigo", "en") == "antigo"


@given(st.text(max_size=40))
def test_any_word_is_answered(word: str) -> None:
    assert CENTRIUM.find_status(word) in {None, *CENTRIUM.states}
    assert fold(fold(word)) == fold(word) or "#" in word
