"""The provider, "Sistema de chamados": two tabs, four notices by mail and by WhatsApp, and a rating
that is heard at once.

Its pages are told in `tests/portal/test_provedor_pages.py`: "Novo Chamado" with category and assistant (R020, R025,
R033, R036), tabs "Abertos" and "Finalizados" as a page (R082), participants added there (R035, R091), permissions
(R062, R063), "Meu Perfil" (R064, R118), first access with pop-ups (R067, R070), "Estatísticas" (R122, R123), entry
points (R097).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.clients import OUTLOOK, Person
from tests.integration.desk import comments, notices
from tests.integration.machine import wait_until
from tests.seeds.company import Company, read
from tests.telephones import Telephones, played

pytestmark = pytest.mark.integration

ADDRESS = "suporte@hospeda.test"
TEO = Person("Téo Suporte", "teo@hospeda.test")
GIL = Person("Gil Gestão", "gil@hospeda.test")


@pytest.fixture(scope="module")
def telephones() -> Iterator[Telephones]:
    """The provider's own provider, of WhatsApp messages."""
    with played() as telephones:
        yield telephones


@pytest.fixture(scope="module")
def provedor(
    company: Callable[..., Company], telephones: Telephones, tmp_path_factory: pytest.TempPathFactory
) -> Company:
    """The provider with one agent and the manager who hears of ratings; it says protocolo, not ticket."""
    url_file = tmp_path_factory.mktemp("secrets") / "whatsapp.url"
    url_file.write_text(telephones.url, encoding="utf-8")
    url_file.chmod(0o600)
    return company(
        "provedor",
        ADDRESS,
        company={"name": "Hospeda", "site": "https://hospeda.test"},
        key={"prefix": "PRO", "label": "protocolo"},
        channels={"whatsapp": {"url_file": str(url_file)}},
        addresses=[{"address": ADDRESS, "department": "suporte"}],
        agents=[
            {"name": TEO.name, "address": TEO.address, "departments": ["suporte"], "role": "agent"},
            {"name": GIL.name, "address": GIL.address, "departments": ["gestao"], "role": "manager"},
        ],
    )


def test_opened_answered_reminded_answered_and_finished(provedor: Company) -> None:
    lu = provedor.known("Lu Ramos", "lu@agencia.test")
    # "As notificações serão encaminhadas nas seguintes ocasiões: Chamado aberto" (R110, R002, N1)
    provedor.writes(lu, "Conta sem espaço", "A conta vendas@agencia.test está cheia.", OUTLOOK)
    opened = provedor.first_to(lu)
    key = provedor.key_of(opened)
    assert key == "PRO-1"  # "acompanhar o protocolo, status, data de abertura" (R015)
    assert "protocolo" in opened.text

    # "Chamado respondido" (R110, N5)
    work = provedor.reads(TEO, key, "está cheia")
    provedor.works(TEO, work, "Aumentei para 50 GB. Pode conferir?")
    answered = provedor.reads(lu, key, "Aumentei para 50 GB", "Respondido")
    provedor.status(key, "respondido")

    # "Lembrete para responder o chamado": after two days, once more two days later, and never again (R110, N8)
    provedor.pass_time(days=2, minutes=5)
    reminder = provedor.reads(lu, key, "à espera da sua resposta")
    assert "Aumentei para 50 GB" in reminder.text  # what was asked last
    provedor.pass_time(days=2, minutes=5)
    provedor.ticket(key, lambda row: len(notices(row, "N8")) == 2)
    provedor.pass_time(days=20)
    assert len(notices(provedor.settled(key), "N8")) == 2

    # "você pode responder, rever todas as interações": an answer makes it the provider's again (R003)
    provedor.answers(lu, answered, "Conferi, mas o limite ainda aparece.", OUTLOOK)
    provedor.status(key, "aberto")
    provedor.works(TEO, provedor.reads(TEO, key, "ainda aparece"), "Limpei o cache; agora mostra 50 GB.")
    provedor.reads(lu, key, "Limpei o cache", "Respondido")

    # "Chamado finalizado" (R110, N12), "será enviado um link para que você possa avaliar nosso atendimento" (R120)
    provedor.works(TEO, provedor.reads(TEO, key, "ainda aparece"), "#finalizado\nTudo certo por aqui.")
    finished = provedor.status(key, "finalizado")
    assert finished["category"] == "closed"
    last = provedor.reads(lu, key, "encerrado", "Finalizado")
    assert [m["direction"] for m in comments(finished)] == ["in", "out", "in", "out", "out"]

    # "Cada avaliação realizada pelos clientes notificará instantaneamente o time de gestão" (R116, R121, N13)
    provedor.presses(lu, last, "★★ Ruim", "Precisei explicar duas vezes.")
    heard = provedor.hears(GIL, "Precisei explicar duas vezes.")
    assert "2 de 5" in read(heard)
    assert lu.address in heard.text  # "Quando necessário, entraremos em contato"
    # a finished one stays finished: another word is a new one, linked (table 1.M, A1)
    provedor.answers(lu, last, "Surgiu outra dúvida.")
    provedor.reads(TEO, "PRO-2", "Surgiu outra dúvida.")
    assert provedor.status(key, "finalizado")["status"] == "finalizado"


def test_a_participant_follows_and_answers_by_mail(provedor: Company) -> None:
    ney, isa = provedor.known("Ney Dias", "ney@loja-dois.test"), provedor.known("Isa Luz", "isa@loja-dois.test")
    # "Adicione um participante dentro de sua organização para que possa acompanhar e/ou interagir" (R035, R091, N15)
    provedor.writes(ney, "Site fora do ar", "O site caiu às 9h.\nIncluam a Isa, por favor.")
    key = provedor.key_of(provedor.first_to(ney))
    work = provedor.reads(TEO, key, "O site caiu")
    provedor.works(TEO, work, f"#participante {isa.address}\nReiniciamos o servidor.")
    provedor.reads(isa, key, "participar da conversa")
    provedor.works(TEO, work, "Está no ar de novo?")
    hers = provedor.reads(isa, key, "Está no ar de novo?", "Respondido")
    assert "Ney Dias" not in str(hers.message["Cc"])  # one envelope and one copy for each
    provedor.answers(isa, hers, "Voltou, obrigada!")
    provedor.ticket(key, lambda row: comments(row)[-1]["author"] == isa.address)
    provedor.reads(ney, key, "Voltou, obrigada!")
    # R117: no more of it for her, by one click of her mail client (List-Unsubscribe); Ney goes on hearing
    assert hers.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_same_four_by_whatsapp(provedor: Company, telephones: Telephones) -> None:
    # "Insira um número válido de WhatsApp para receber notificações das interações" (R069)
    # "Toda a tratativa será notificada tanto por E-mail quanto por WhatsApp" (R111)
    rui = provedor.known("Rui Melo", "rui@padaria.test")
    provedor.gateway.run("contact", "add", rui.address, "--name", rui.name)
    provedor.gateway.run("contact", "set", rui.address, "--whatsapp", "+55 48 99999-0000")
    before = len(telephones.got)

    def message(words: str) -> str:
        wait_until(lambda: any(words in text for _, text in telephones.got[before:]), 20, f"a message {words!r}")
        return next(text for _, text in telephones.got[before:] if words in text)

    provedor.writes(rui, "Domínio novo", "Registrem padaria.test para nós, por favor.")
    key = provedor.key_of(provedor.first_to(rui))
    assert "Status: Aberto" in message(f"abrimos o protocolo {key}")
    work = provedor.reads(TEO, key, "Registrem")
    provedor.works(TEO, work, "Registrado. Confira?")
    provedor.reads(rui, key, "Registrado")
    assert "Status: Respondido" in message("há uma nova resposta")
    provedor.pass_time(days=2, minutes=5)
    message("à espera da sua resposta")
    provedor.works(TEO, work, "#finalizado\nTudo certo.")
    assert "Status: Finalizado" in message("foi encerrado")
    assert {path for path, _ in telephones.got} == {"/5548999990000"}
