"""Which of our languages a customer writes."""

from __future__ import annotations

import pytest

from mailgate.mail.language import guess


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bom dia, não consigo emitir a nota. Obrigado!", "pt-BR"),
        ("Buenos días, no puedo entrar con la contraseña. Gracias", "es"),
        ("Hello, I cannot open the invoice, please help", "en"),
        ("E-42", None),
        ("", None),
        ("12345 67890", None),
    ],
)
def test_guess(text: str, language: str | None) -> None:
    assert guess(text) == language
