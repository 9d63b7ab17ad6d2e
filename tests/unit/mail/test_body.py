"""The reply without what it answers. The whole mails are in tests/golden/inbound; here are single habits."""

from __future__ import annotations

import pytest

from mailgate.mail.body import strip_reply

OWN = "Pode fechar."

QUOTES = {
    "our marker": "--- Responda acima desta linha ---\nOlá",
    "our marker, quoted": "> --- Reply above this line ---\n> Hello",
    "our marker in Spanish": "--- Responda por encima de esta línea ---\nHola",
    "english, two lines": "On Wed, Nov 5, 2025 at 9:58 AM Suporte Exemplo\n<suporte@example.test> wrote:\n\n> Hi",
    "spanish": "El mié, 5 nov 2025 a las 9:58, Suporte (<s@example.test>) escribió:\n> Hola",
    "portuguese without address": "Em 05/11/2025 09:58, Suporte escreveu:\n> Olá",
    "gmail web without >": "Em qua., 5 de nov. de 2025 09:58, Suporte <s@example.test> escreveu:\n\nOlá Ana",
    "outlook english": "From: Suporte <s@example.test>\nSent: Wednesday, 5 November\nTo: Ana\nSubject: x\n\nHi",
    "outlook bold": "*De:* Suporte <s@example.test>\n*Enviado:* miércoles\n*Para:* Ana\n*Asunto:* x\n\nHola",
    "outlook line": "________________________________\nDe: Suporte\nEnviado: quarta\nPara: Ana\nAssunto: x\n\nOlá",
    "original message": "-----Mensagem original-----\nDe: Suporte\n\nOlá",
    "yahoo": "Em quarta-feira, 5 de novembro de 2025 09:58:00 BRT, Suporte <s@example.test> escreveu:  \n\n Olá",
    "bare quote at the end": "> Olá\n> Ana",
}


@pytest.mark.parametrize("name", QUOTES)
def test_quotes_go(name: str) -> None:
    reply, elided = strip_reply(f"{OWN}\n\n{QUOTES[name]}\n")
    assert reply == OWN
    assert elided.strip() == QUOTES[name].strip()


KEPT = {
    "a sentence that ends like an attribution": "O cliente escreveu:\n\nNão funciona desde ontem.",
    "a list with colons": "Itens:\nDe: São Paulo\nAté lá são 400 km.",
    "an own quote first": "> qual a versão?\n\n4.2",
    "only a quote": "> Olá\n> Ana",
    "only our marker": "--- Responda acima desta linha ---",
    "a rule of dashes": "Primeiro\n------------\nSegundo",
    "a sentence about a phone": "Sent from my desk, this is easier than the phone.",
    "a sentence with date, address and verb": "O erro aparece em 05/11/2025 10:30 quando x@y.test escreveu:\n\noi",
    "an address in a sentence": "Escrevam para ana@cliente.test às 10:30, obrigado.",
}


@pytest.mark.parametrize("name", KEPT)
def test_in_doubt_nothing_is_cut(name: str) -> None:
    assert strip_reply(KEPT[name]) == (KEPT[name], "")


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAna Souza\nFinanceiro",
        "Enviado do meu iPhone",
        "Obter o Outlook para Android<https://aka.ms/x>",
        "Get Outlook for iOS",
        "Enviado desde mi iPhone",
        "Sent from my Galaxy",
        "_______________________________________________\nusers mailing list\nusers@lists.test",
    ],
)
def test_signatures_go(signature: str) -> None:
    assert strip_reply(f"{OWN}\n\n{signature}\n") == (OWN, signature)


def test_marker_can_be_switched_off() -> None:
    text = "Olá\n\n--- Responda acima desta linha ---\n\nfim"
    assert strip_reply(text, marker=False) == (text, "")


def test_nothing_is_lost() -> None:
    """Every word is in the reply or in what was elided."""
    text = f"{OWN}\n\n{QUOTES['outlook line']}\n\n-- \nAna"
    reply, elided = strip_reply(text)
    assert sorted((reply + " " + elided).split()) == sorted(text.split())
