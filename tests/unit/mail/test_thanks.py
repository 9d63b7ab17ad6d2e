"""What is nothing but a thank-you, and what only begins like one."""

from __future__ import annotations

import time

import pytest

from mailgate.mail.thanks import only_thanks

_NAMES = ("Bruno", "Ana Souza")


@pytest.mark.parametrize(
    "text",
    [
        "Obrigado!", "obrigada", "Muito obrigada, Bruno!", "Valeu, resolveu", "Valeu! 👍", "vlw", "OBRIGADO!!!",
        "Bom dia, Bruno!\n\nMuito obrigado pelo retorno, deu tudo certo.\n\nAbraços,\nAna",
        "Perfeito, funcionou. Agradeço a atenção!", "Agradeço muito pela ajuda", "Obrigado pela rapidez",
        "Obrigado, problema resolvido.", "Show, obrigado", "Grata pela ajuda de sempre.",
        "Resolvido, obrigada! Tenha uma ótima semana.", "Ok, obrigado", "Brigadão, galera! 🙏🙏",
        "Thanks a lot", "Thank you so much!", "Thanks, it's working now.", "Many thanks, that fixed it. Regards, Ana",
        "Great, thanks for the quick reply!", "Much appreciated.", "Thanks for your help, the issue is solved",
        "Hi Bruno,\nthank you very much for all your help.\nHave a great weekend!",
        "Muchas gracias", "¡Gracias!", "Gracias por la ayuda, ya funciona.", "Mil gracias, quedó perfecto",
        "Buenas tardes, muchas gracias por su respuesta. Saludos cordiales", "Gracias, problema resuelto",
    ],
)  # fmt: skip
def test_a_thank_you(text: str) -> None:
    assert only_thanks(text, _NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "", "👍", "Resolvido", "Perfeito!", "Bruno", "Obrigado?", "Obrigado, mas continua com o mesmo problema",
        "Não, obrigado", "Não funcionou, obrigado", "Obrigado, ainda não resolveu", "Obrigado, o problema voltou",
        "Obrigado, problema", "Desde já agradeço", "Obrigado desde já pela ajuda", "Agradeço o retorno",
        "Fico no aguardo, obrigado", "Grato pelo retorno até amanhã", "Obrigado pela demora", "Obrigado. E a filial 2",
        "Obrigado, agora o erro é 656", "Valeu, como faço para emitir outra nota", "Obrigada, porém falta a nota 12",
        "Agradeço ajuda", "Obrigado por nada", "Muito obrigado, podem fechar o chamado amanhã se não voltar",
        "Thanks, but it is still broken", "Thanks in advance", "Thanks, it works, one more question", "No thanks",
        "Thanks for nothing", "I would appreciate a reply", "I appreciate a quick answer", "Thanks. Help!",
        "Thanks, it worked, now it has a problem", "Thank you, please reopen", "Thanks, doesn't work",
        "Gracias, pero no funciona", "Gracias de antemano", "No funciona, gracias", "Gracias, ¿cuándo estará",
        "Agradezco su respuesta", "Gracias, todavía falla", "Gracias, ahora esta con un problema",
        "Obrigado! " * 41, "obrigado " + "x" * 500,
    ],
)  # fmt: skip
def test_an_ordinary_answer(text: str) -> None:
    assert not only_thanks(text, _NAMES)


def test_whoever_may_be_named_is_said_by_the_caller() -> None:
    assert only_thanks("Obrigado, Bruno") == ""
    assert only_thanks("Obrigado, Bruno", ["Bruno Lima"]) == "obrigado"


def test_a_long_text_costs_nothing() -> None:
    began = time.perf_counter()
    for _ in range(1000):
        assert not only_thanks("obrigado " * 100_000)
    assert time.perf_counter() - began < 1
