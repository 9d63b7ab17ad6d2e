"""What a mail that hands over a code, or a link that proves an address, looks like (T9)."""

from __future__ import annotations

import pytest

from mailgate.mail.passcodes import hands_over, without_codes

_BUTTON = '<a href="https://chatty.test/v/x1">Verify</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Tu codigo de verificacion es 482913", ""),  # services leave accents out
        ("Seu código:\n\n4 8 2 9 1 3", ""),
        ("You have been invited to join. Open https://chatty.test/join/x1 to accept.", ""),
        ("Verify your account", _BUTTON),  # the address is behind a button only
    ],
)
def test_it_is_known_by_its_words(text: str, html: str) -> None:
    assert hands_over("", text, html)


@pytest.mark.parametrize(("text", "html"), [("Sign in", _BUTTON), ("Here you go: 482913", "")])
def test_an_address_that_nobody_reads_need_not_say_so(text: str, html: str) -> None:
    assert hands_over("", text, html, by_machine=True)
    assert not hands_over("", text, html)


def test_what_a_colleague_writes_stays() -> None:
    for text in ("Sobre o seu código 1234 do produto", "A nota 482913 não abre", "Veja https://cliente.test/erro"):
        assert not hands_over("", text), text
    assert not hands_over("", "Bom dia", by_machine=True)


def test_nothing_of_a_code_is_left() -> None:
    assert not set("482913") & set(without_codes("Código 4 8 2 9 1 3, 482 913 ou 482913."))
