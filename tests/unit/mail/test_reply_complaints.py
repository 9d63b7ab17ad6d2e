"""What users of other help desks complain of, a test for each, and how much work a hostile text may cause."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from mailgate.mail.answer import split
from mailgate.mail.body import strip_reply
from mailgate.mail.htmltext import marked_text, to_text
from mailgate.mail.limits import MailLimits

L = MailLimits()
MARKER = "--- Responda acima desta linha ---"


def from_html(page: str) -> tuple[str, str]:
    return split(marked_text(page, L), "", "Re: x", L)


def test_text_between_marker_and_quote_is_the_answer() -> None:
    """freescout#3235: an empty mail."""
    reply, elided = strip_reply(
        f"{MARKER}\n\nAinda falha.\n\nEm 05/11/2025 09:58, Suporte escreveu:\n> Teste de novo.\n"
    )
    assert "Ainda falha." in reply
    assert "Teste de novo." in elided


def test_answers_between_a_quoted_marker_and_quotes_stay() -> None:
    text = f"Oi,\n\nEm 05/11/2025 09:58, Suporte escreveu:\n> {MARKER}\n> Qual versão?\n\n8.2\n\n> E o banco?\n\nOracle"
    assert strip_reply(text) == (text, "")


def test_a_bare_blockquote_is_no_quote() -> None:
    """freescout#4460: the text after any `<blockquote>` was cut."""
    reply, elided = from_html("<p>O cupom diz</p><blockquote>SEM VALOR</blockquote><p>e devia dizer outra coisa.</p>")
    assert reply == "O cupom diz\n\n    SEM VALOR\n\ne devia dizer outra coisa."
    assert elided == ""


@pytest.mark.parametrize("block", ["<blockquote>Passo um</blockquote>", "<blockquote><p>a</p><p>b</p></blockquote>"])
def test_an_indented_end_is_said_by_the_author(block: str) -> None:
    assert from_html(f"<p>Fiz assim:</p>{block}")[1] == ""
    assert from_html(f"<p>Passo 1:</p><blockquote>x</blockquote><p>Passo 2:</p>{block}")[1] == ""


def test_a_bare_blockquote_below_an_attribution_is_a_quote() -> None:
    page = "<p>Sim.</p><div>Em 05/11/2025 09:58, Suporte &lt;s@x.test&gt; escreveu:</div><blockquote>Pode?</blockquote>"
    reply, elided = from_html(page)
    assert reply == "Sim."
    assert "> Pode?" in elided


def test_a_document_within_a_document_is_read() -> None:
    """freescout#5500: a cancellation from Yahoo on an iPhone was not seen."""
    page = (
        "<html><body><html><head></head><body><div>Quero cancelar.</div></body></html><p>E o saldo?</p></body></html>"
    )
    assert from_html(page) == ("Quero cancelar.\n\nE o saldo?", "")


def test_polish_header_lines() -> None:
    """freescout#5156: the customer's text was replaced by ours."""
    text = "Dziękuję, działa.\n\nOd: Suporte <s@x.test>\nWysłano: środa, 5 listopada 2025\nDo: Jan\nTemat: x\n\nMarker"
    assert strip_reply(text)[0] == "Dziękuję, działa."


def test_line_breaks_stay() -> None:
    """osTicket#6905: the lines of an answer ran together."""
    assert to_text("<div>um</div><div>dois<br>três</div>") == "um\ndois\ntrês"


def test_commands_below_a_closing_are_not_signed() -> None:
    """An agent's `#resolvido` below his name must be read; only his rules decide in doubt."""
    text = "Feito.\n\nAtenciosamente,\nBruno\n#resolvido"
    assert strip_reply(text) == (text, "")


@pytest.mark.parametrize(
    "text",
    [
        "Esta mensagem de erro confidencial aparece.",
        "Obrigada pela ajuda.\n\nAbraços,\nAna",
        "Faltou:\n\nAtenciosamente,\nqual era mesmo a palavra?",
        "Segue o texto da carta que vamos enviar.\n\nAtenciosamente,\nAna\n\nPS: a carta precisa sair hoje, por favor.",
        "Enviado do escritório, onde a internet funciona melhor, segue o relatório que vocês pediram.",
        "Este e-mail do fornecedor chegou vazio, embora o destinatário dele tenha recebido todos os anexos.",
    ],
)
def test_in_doubt_it_is_no_signature(text: str) -> None:
    assert strip_reply(text) == (text, "")


def test_a_server_report_has_no_attribution() -> None:
    """Addresses with numbers in them, and IP addresses, look like dates."""
    report = "  SMTP error after RCPT TO:<ana_2302@cliente.test>:\n  host mx [65.54.244.200]: 550 no:"
    text = f"Falhou assim:\n\n{report}\n\nE agora?"
    assert strip_reply(text) == (text, "")


@pytest.mark.parametrize(
    "text",
    [
        "Preciso mover o ramal.\n\nDe: sala 12\nPara: sala 15\nData: 10/11\n\nObrigada",
        "Em 05/11/2025 10:30 a Ana do suporte me escreveu:\nfavor reiniciar\nReiniciei e nada.",
        "Oi.\n\nEm 05/11/2025 o técnico veio e escreveu:\n\ntrocar a placa",
        "Hello.\n\nOn 5 November 2025 I asked Tom and he wrote:\n\nreplace the board",
    ],
)
def test_what_only_looks_like_quoting_stays(text: str) -> None:
    assert strip_reply(text) == (text, "")


def test_a_closing_above_a_marked_signature_goes_with_it() -> None:
    assert strip_reply("Segue.\n\nAtenciosamente,\n\n-- \nAna") == ("Segue.", "Atenciosamente,\n\n-- \nAna")


def test_a_picture_in_a_signature_is_part_of_it() -> None:
    text = "Segue.\n\nAtenciosamente,\n\n[cid:image001.png@01DC4E3F]\nAna Souza\nTel. (11) 3333-4444"
    assert strip_reply(text)[0] == "Segue."


def test_a_signature_marked_in_html_ends_where_the_author_goes_on() -> None:
    page = '<p>Oi.</p><div id="Signature">Ana</div><p>Esqueci o anexo, vai agora.</p>'
    assert from_html(page) == ("Oi.\n\nAna\n\nEsqueci o anexo, vai agora.", "")


HOSTILE = {
    "attributions": "Em 05/11/2025 09:58, X <x@y.test> escreveu:\n> a\n",
    "wrapped attributions": "Em 05/11/2025\n<\nx\nescreveu:\n",
    "closings": "Att,\nAna\n\n",
    "app lines": "Enviado do meu iPhone\nx\n",
    "notices": "Aviso legal: confidencial, ao destinatário\n\n",
    "blank lines": "\n\n\n\n",
    "fields": "De: a\nPara: b\n",
    "one line of colons": "De: x: " * 8,
    "quoted and not": "> a\nb\n",
    "separators": "--\n",
    "trackers": "\u1427\n",
}


def _calls(text: str) -> int:
    """How many Python lines reading a text takes: a count that no busy machine changes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(("body.py", "signature.py", "attribution.py")):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        strip_reply(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_with_the_text_and_no_faster(name: str) -> None:
    small, large = (_calls("oi\n" + HOSTILE[name] * times) for times in (200, 800))
    assert large < 5 * small
