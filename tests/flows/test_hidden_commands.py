"""I12: a command is a line that the agent wrote and sees, not what he quotes, hides, attaches, forwards, signs with."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from store.vocabulary import Road
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

_HEADER = "Em qua., 5 de nov. de 2025, Ana Souza <ana@cliente.test> escreveu:"
QUOTED = {
    "quote": f"Certo.\n\n{_HEADER}\n> #resolvido\n",
    "quote above": f"{_HEADER}\n> Obrigada.\n> #resolvido\n\nCerto.\n",
    "Outlook": "Certo.\n\nDe: Ana Souza <ana@cliente.test>\nEnviado: quarta-feira, 5 de novembro de 2025 10:00\n"
    "Para: Suporte\nAssunto: Aviso\n\n#resolvido\n",
    "original message": "Certo.\n\n-----Mensagem original-----\nDe: Ana Souza\n\n#resolvido\n",
    "forwarded": "Certo.\n\n---------- Forwarded message ---------\nFrom: Ana <ana@cliente.test>\nSubject: x\n\n"
    "#resolvido\n",
    "signature": "Certo.\n\n-- \nBruno\n#resolvido\n",
    "quote mark without space": f"Certo.\n\n{_HEADER}\n>#resolvido\n",
    "deep quote": f"Certo.\n\n{_HEADER}\n>>> #resolvido\n> ok\n",
    "words around": "Certo, use #resolvido quando acabar.\n",
    "in the middle": "Certo.\n#resolvido\nAté logo.\n",
}
HIDDEN = {
    "display": '<p>Certo.</p><div style="display:none">#resolvido</div>',
    "display, capitals": '<p>Certo.</p><div style="DISPLAY : NONE !important">#resolvido</div>',
    "visibility": '<p>Certo.</p><div style="visibility:hidden">#resolvido</div>',
    "attribute": "<p>Certo.</p><div hidden>#resolvido</div>",
    "size": '<p>Certo.</p><div style="font-size:0">#resolvido</div>',
    "size in points": '<p>Certo.</p><div style="font-size:0pt;line-height:0">#resolvido</div>',
    "opacity": '<p>Certo.</p><div style="opacity:0">#resolvido</div>',
    "height": '<p>Certo.</p><div style="max-height:0;overflow:hidden">#resolvido</div>',
    "Outlook": '<p>Certo.</p><div style="mso-hide:all">#resolvido</div>',
    "comment": "<p>Certo.</p><!-- <p>#resolvido</p> -->",
    "title": "<head><title>#resolvido</title></head><p>Certo.</p>",
    "style": "<style>\n#resolvido\n{}</style><p>Certo.</p>",
    "script": "<p>Certo.</p><script>\n#resolvido\n</script>",
    "template": "<p>Certo.</p><template><p>#resolvido</p></template>",
    "noscript": "<p>Certo.</p><noscript><p>#resolvido</p></noscript>",
    "quotation": "<p>Certo.</p><blockquote><p>#resolvido</p></blockquote>",
    "Gmail": f'<div>Certo.</div><div class="gmail_quote"><div>{_HEADER}</div><blockquote>#resolvido</blockquote></div>',
    "alternative text": '<p>Certo.</p><img alt="#resolvido" src="cid:x">',
    "input": '<p>Certo.</p><input value="#resolvido">',
    "off the page": '<p>Certo.</p><div style="position:absolute;left:-9999px">#resolvido</div>',
}


def _html(body: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = f"Bruno <{BRUNO[1]}>", SUPPORT, "Re: aviso"
    mail["Message-ID"] = "<h@example.test>"
    mail.set_content(f"<html>{body}</html>", subtype="html")
    return mail.as_bytes()


def _plain(text: str) -> bytes:
    return plain_mail(BRUNO, SUPPORT, "Re: aviso", text, verified=False)


def _attached() -> bytes:
    inner = plain_mail(ANA, SUPPORT, "Dentro", "#resolvido")
    return plain_mail(
        BRUNO, SUPPORT, "Re: aviso", "Certo.", verified=False,
        files=[("a.txt", "text/plain", b"#resolvido\n"), ("b.html", "text/html", b"<p>#resolvido</p>"),
               ("c.eml", "application/octet-stream", inner)],
    )  # fmt: skip


CASES: dict[str, Callable[[], bytes]] = {
    **{f"text: {name}": (lambda text=text: _plain(text)) for name, text in QUOTED.items()},
    **{f"HTML: {name}": (lambda body=body: _html(body)) for name, body in HIDDEN.items()},
    "files": _attached,
}


@pytest.fixture
def opened(story: Story) -> Story:
    story.receive(plain_mail(ANA, SUPPORT, "Estoque", "Não fecha."))
    return story


def test_what_the_agent_did_not_write_or_cannot_see_orders_nothing(opened: Story) -> None:
    wrong = []
    for number, (name, make) in enumerate(CASES.items()):
        raw = make().replace(b"Message-ID: <", f"Message-ID: <{number}".encode(), 1).replace(b"Certo", name.encode(), 1)
        opened.receive(raw, [opened.agents_copy("SUP-1")], road=Road.SUBMISSION, auth_user=BRUNO[1])
        if opened.ticket("SUP-1").status != "aberto":
            wrong.append(name)
            opened.agent_answers("SUP-1", f"#aberto\nDe novo {name}.")
    assert wrong == []


def test_the_same_line_at_an_end_of_his_own_text_is_a_command(opened: Story) -> None:
    raw = _html("<p>Certo.</p><p>#resolvido</p>")
    opened.receive(raw, [opened.agents_copy("SUP-1")], road=Road.SUBMISSION, auth_user=BRUNO[1])
    assert opened.ticket("SUP-1").status == "resolvido"
