"""Subjects: what the customer wrote, and the key in it."""

from __future__ import annotations

import pytest

from mailgate.mail.subject import find_keys, is_forward, strip_prefixes, without_keys


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("RES: ENC: [EXTERNO] Pedido 12", "Pedido 12"),
        ("Re[2]: RES(3): Fwd: Pedido", "Pedido"),
        ("re : Pedido", "Pedido"),
        ("AW: WG: Angebot", "Angebot"),
        ("Resumo: vendas", "Resumo: vendas"),
        ("Recibo", "Recibo"),
        ("Re:", ""),
        ("[SUP-1] Re: x", "[SUP-1] Re: x"),
        ("Re： Pedido", "Pedido"),
    ],
)
def test_prefixes(subject: str, bare: str) -> None:
    assert strip_prefixes(subject) == bare


def test_forwards_are_told_from_replies() -> None:
    assert is_forward("ENC: x")
    assert is_forward("[EXTERNO] Fwd: RES: x")
    assert not is_forward("RES: ENC: x")
    assert not is_forward("Encontro amanhã")


@pytest.mark.parametrize(
    ("subject", "keys"),
    [
        ("RES: Impressora [SUP-123] (Aberto)", ["SUP-123"]),
        ("sup-9 e (SUP-10) e [SUP-11]", ["SUP-11", "SUP-9", "SUP-10"]),
        ("[SUP-1] [SUP-1]", ["SUP-1"]),
        ("XSUP-12 SUP-12a SUP-1-2 SUP-", []),
        ("[SUP-0012]", ["SUP-12"]),
        (" ".join(f"[SUP-{n}]" for n in range(1, 9)), ["SUP-1", "SUP-2", "SUP-3", "SUP-4", "SUP-5"]),
    ],
)
def test_keys(subject: str, keys: list[str]) -> None:
    assert find_keys(subject, "SUP") == keys


def test_without_keys_leaves_the_customers_words() -> None:
    assert without_keys("RES: [SUP-123] Re: Impressora  parada (SUP-123)", "SUP") == "Impressora parada"
