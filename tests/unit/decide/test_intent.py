"""What an agent's mail asks for: `#word` lines at its top or its end, all or nothing (threat I12)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailgate.decide.decision import Intent
from mailgate.decide.intent import listed, read
from tests.unit.decide.cases import book

_WORKFLOW = book().workflow
_LABELS = listed(_WORKFLOW.labels("pt-BR").values(), "pt-BR")


def _read(text: str, now: str = "aberto") -> Intent:
    return read(text, _WORKFLOW.find_status, lambda target: _WORKFLOW.can_set(now, target, "agent"), _LABELS)


@pytest.mark.parametrize(
    "word",
    ["#resolvido", "#Resolvido", "#RESOLVIDO", "#resolved", "#Resuelto", "#solved", "  #resolvido  ", "#resolvido\t"],
)
@pytest.mark.parametrize("place", ["top", "end"])
def test_a_status_in_any_of_the_three_languages_at_top_or_end(word: str, place: str) -> None:
    said = "Corrigido na versão 8.2.\n\nAbraço, Bruno"
    text = f"{word}\n\n{said}" if place == "top" else f"{said}\n\n{word}"
    assert _read(text) == Intent("answer", said, "resolvido", commands=(_written(word),))


def _written(word: str) -> str:
    return word.strip()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("#com cliente", "com_cliente"),
        ("#com-cliente", "com_cliente"),
        ("#com_cliente", "com_cliente"),
        ("#with customer", "com_cliente"),
        ("#cliente", "com_cliente"),
        ("#Com Desenvolvimento", "com_dev"),
        ("#dev", "com_dev"),
        ("#con el cliente", "com_cliente"),
    ],
)
def test_labels_of_several_words_and_aliases(line: str, status: str) -> None:
    assert _read(f"{line}\nQual é a versão?").status == status


@pytest.mark.parametrize("word", ["#nota", "#Nota", "#note", "#interno", "#internal"])
def test_a_note_stays_inside(word: str) -> None:
    found = _read(f"Cliente liga amanhã.\n{word}")
    assert (found.kind, found.text, found.problem) == ("note", "Cliente liga amanhã.", "")


@pytest.mark.parametrize(
    "line",
    [
        "\u200b#nota",
        "\ufeff#nota",
        "\u200e\n#nota",
        "#no\u00adta",
        "\uff03nota",
        "*#nota*",
        "**#Nota**",
        "_#nota_",
        "# nota",
        "*# nota*",
    ],
)
def test_a_note_is_one_as_its_writer_sees_it(line: str) -> None:
    """Letters that cannot be seen, bold print, a space: the words were mailed to the customer (I13)."""
    for text in (f"{line}\nSó entre nós.", f"Só entre nós.\n\n{line}"):
        assert (_read(text).kind, _read(text).text.strip("\n\u200e")) == ("note", "Só entre nós."), text


def test_a_note_and_a_status_together() -> None:
    found = _read("#nota\n#com-dev\nIncidente 4411 aberto.")
    assert (found.kind, found.status, found.text) == ("note", "com_dev", "Incidente 4411 aberto.")


def test_commands_at_both_ends_are_one_list() -> None:
    found = _read("#nota\ntexto\n#resolvido")
    assert (found.kind, found.status, found.text) == ("note", "resolvido", "texto")


def test_the_same_status_twice_is_no_doubt() -> None:
    assert _read("#resolvido\nPronto.\n#resolved").status == "resolvido"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#resovido\nPronto.", "unknown:#resovido"),
        ("Pronto.\n#fechar isto", "unknown:#fechar isto"),
        ("#resolvido segue a solução", "unknown:#resolvido segue a solução"),
        ("#resolvido\n#aberto\nPronto.", "two:#aberto"),
        ("#resolvido\nPronto.\n#fechado", "two:#fechado"),
        ("#reaberto\nVoltou a falhar.", "impossible:#reaberto"),
    ],
)
def test_doubt_asks_for_nothing_and_keeps_every_word(text: str, problem: str) -> None:
    found = _read(text)
    assert (found.kind, found.status, found.problem, found.text) == ("answer", "", problem, text)
    assert "#resolvido" in found.commands
    assert "#com-cliente" in found.commands
    assert "#nota" in found.commands


@pytest.mark.parametrize(
    "text",
    [
        "# Passos\n\n1. Abra o menu",
        "#123 é o número do pedido",
        "#1\nprimeiro",
        "## Resolvido\ntexto",
        "Veja o chamado #resolvido de ontem.",
        "Bom dia\n#resolvido\nAbraço",
        "C# resolvido",
        "#\ntexto",
        "a cor é #ff0000",
    ],
)
def test_what_is_no_command_is_left_in_the_text(text: str) -> None:
    assert _read(text) == Intent("answer", text.strip("\n"))


def test_only_a_command_says_nothing_else() -> None:
    assert _read("\n#resolvido\n\n") == Intent("answer", "", "resolvido", commands=("#resolvido",))


def test_the_customer_is_named_for_a_ticket_in_his_name() -> None:
    found = _read("#cliente <ana@cliente.test>\nAna ligou: a nota foi recusada.")
    asked = found.of("requester")
    assert asked is not None
    assert (asked.argument, found.text, found.problem) == ("<ana@cliente.test>", "Ana ligou: a nota foi recusada.", "")


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        ("#assumir", "take", ""),
        ("#Atribuir Ana Lima", "assign", "Ana Lima"),
        ("#prazo amanhã 14h", "due", "amanhã 14h"),
        ("#due: tomorrow 2pm", "due", "tomorrow 2pm"),
        ("#plazo 20/12", "due", "20/12"),
        ("#prioridade alta", "priority", "alta"),
        ("#tópico Parada do Sistema", "topic", "Parada do Sistema"),
        ("#juntar SUP-12", "join", "SUP-12"),
        ("#modelo boleto", "canned", "boleto"),
        ("#por que", "why", ""),
        ("#spam", "spam", ""),
        ("#ajuda", "help", ""),
    ],
)
def test_orders_in_three_languages(line: str, verb: str, argument: str) -> None:
    found = _read(f"{line}\nTexto.")
    assert [(o.verb, o.argument) for o in found.orders] == [(verb, argument)]
    assert (found.text, found.problem) == ("Texto.", "")


@pytest.mark.parametrize("line", ["#prazo", "#assumir já", "#spam demais", "#atribuir"])
def test_an_order_without_what_it_needs_or_with_more_is_none(line: str) -> None:
    assert _read(f"{line}\nTexto.").problem == f"unknown:{line}"


def test_what_asks_the_workflow_becomes_a_status() -> None:
    def read_(text: str) -> Intent:
        return read(
            text, _WORKFLOW.find_status, lambda target: _WORKFLOW.can_set("aberto", target, "agent"), _LABELS,
            lambda trigger: _WORKFLOW.target("aberto", trigger),
        )  # fmt: skip

    assert read_("Qual é a versão?\n#pedir-info").status == "com_cliente"
    assert read_("#resolver\nPronto.").status == "resolvido"
    assert read_("#fechar").status == "fechado"
    assert read_("#reabrir").problem == "impossible:#reabrir"


_LINES = st.lists(st.sampled_from(["#resolvido", "#nota", "# x", "#sem sentido", "", "  ", "texto", "#1", "> #nota"]))


@given(_LINES)
@example(["#resolvido", "", "#nota", "", "texto", "#resolvido"])
def test_no_word_of_the_text_is_lost_and_no_command_is_left_at_an_end(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = _read(text)
    if found.problem:
        assert found.text == text
        return
    said = [line for line in lines if line.strip() and line not in ("#resolvido", "#nota")]
    left = [line for line in found.text.split("\n") if line.strip()]
    assert [line for line in left if line not in ("#resolvido", "#nota")] == said
    assert not left or (left[0] not in ("#resolvido", "#nota") and left[-1] not in ("#resolvido", "#nota"))


@given(st.text(max_size=300))
def test_total_for_any_text(text: str) -> None:
    found = _read(text)
    assert found.kind in ("answer", "note")
    assert found.status in ("", *_WORKFLOW.states)
