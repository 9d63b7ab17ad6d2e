"""TOTVS, "Canais de atendimento": Pendente, Validação Cliente, Resolvido, Fechado, and the days between them.

Its pages are told in `tests/portal/test_totvs_pages.py`: "Portal do Cliente" with drag and drop and articles while
one types (R020, R029, R032), the "Dashboard" with the last interaction (R095), contacts added by the customer's
administrator (R105).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.clients import OUTLOOK, OUTLOOK_WEB, Attached, Person
from tests.integration.desk import comments, notices
from tests.seeds.company import Company, count_to

pytestmark = pytest.mark.integration

ADDRESS = "suporte@rm.test"
LIA = Person("Lia Analista", "lia@rm.test")
MEL = Person("Mel Gestora", "mel@rm.test")


@pytest.fixture(scope="module")
def totvs(company: Callable[..., Company]) -> Company:
    """The product's support with one analyst."""
    return company(
        "totvs",
        ADDRESS,
        company={"name": "Suporte RM", "site": "https://rm.test"},
        addresses=[{"address": ADDRESS, "department": "suporte"}],
        agents=[
            {"name": LIA.name, "address": LIA.address, "departments": ["suporte"], "role": "agent"},
            {"name": MEL.name, "address": MEL.address, "departments": ["gestao"], "role": "manager"},
        ],
    )


def test_pendente_seven_days_validacao_cliente_five_days_fechado(totvs: Company) -> None:
    rui = totvs.known("Rui Barros", "rui@construtora.test")
    # "E-MAIL: Possibilidade de abertura de demandas … sem precisar acessar o Portal do Cliente" (R001, R004)
    # "Anexe arquivos … inclusive sem necessidade de compactá-los": prints, vídeos, txt, logs, RMError (R008, R009)
    totvs.writes(
        rui,
        "Erro no cálculo da folha",
        "Coligada 1, filial 2, versão 12.1.2402, base ORACLE.\nSeguem vídeo e log.",
        OUTLOOK,
        files=[Attached("RMError.log", b"Erro: ORA-00942\r\n", "text/plain"),
               Attached("calculo.mp4", b"\0\0\0\x20ftypisom" + bytes(64), "video/mp4")],
    )  # fmt: skip
    acknowledged = totvs.first_to(rui)
    key = totvs.key_of(acknowledged)
    assert ".zip" not in acknowledged.text
    assert [file["filename"] for file in totvs.attachments(key)] == ["RMError.log", "calculo.mp4"]

    # "Quando o analista do suporte solicita alguma informação, o ticket fica Pendente aguardando o retorno do cliente
    # por 7 dias" (R135, N7)
    work = totvs.reads(LIA, key, "versão 12.1.2402")
    totvs.works(LIA, work, "#pedir-info\nO comportamento acontece apenas para um usuário ou todos?")
    totvs.status(key, "pendente")
    info = totvs.reads(rui, key, "apenas para um usuário ou todos?", "Pendente")
    assert "Validação Cliente" in info.text  # what time will do, with its days
    assert "Fechado" in info.text
    totvs.pass_time(days=6, hours=23)
    # an out-of-office is nobody's answer: the seven days go on (table 1.K, point 4)
    away = f"From: {rui.mailbox}\r\nTo: {ADDRESS}\r\nSubject: Re: [{key}] ausente\r\nAuto-Submitted: auto-replied\r\n"
    away += "Message-ID: <away@construtora.test>\r\n\r\nVolto na segunda-feira.\r\n"
    assert totvs.outcome(_sent(totvs, rui, away.encode()))["status"] == "pendente"

    # "após esse período o status dele é atualizado automaticamente para Validação Cliente" (N9)
    totvs.pass_time(hours=2)
    totvs.status(key, "validacao")
    asked = totvs.reads(rui, key, "Validação Cliente", "Validação Cliente")
    assert "Sem novas interações" in asked.text
    # "Caso em 5 dias não ocorra novas interações, o ticket é Fechado pela ferramenta de atendimento": a word moves
    # the end
    totvs.pass_time(days=4)
    totvs.works(LIA, work, "Rui, ainda conseguimos olhar isso esta semana?")
    totvs.ticket(key, lambda row: len(comments(row)) == 3)
    totvs.pass_time(days=4)
    assert totvs.settled(key)["status"] == "validacao"
    totvs.pass_time(days=1, hours=1)
    totvs.status(key, "fechado")
    # "Nesse momento basta que você responda a pesquisa de satisfação" comes after a solution; here nobody answered
    # (N12)
    totvs.reads(rui, key, "Como não houve novas interações", "Fechado")
    assert len(notices(totvs.settled(key), "N9")) == 1


def _sent(totvs: Company, who: Person, raw: bytes) -> bytes:
    totvs.gateway.send(raw, [ADDRESS], who.address)
    return raw


def test_resolvido_closes_by_itself_after_five_days_unless_the_customer_answers(totvs: Company) -> None:
    eva = totvs.known("Eva Prado", "eva@hospital.test")
    since = (
        "A partir da atualização, de 12.1.2310 para 12.1.2402, abro Férias, Relatórios, Recibo, e o relatório sai em "
        "branco para todos os usuários da coligada 1, filial 2. O esperado é o recibo preenchido."
    )
    totvs.writes(eva, "Relatório de férias em branco", since, OUTLOOK_WEB)
    asked = totvs.first_to(eva)
    key = totvs.key_of(asked)
    # "Informações a serem enviadas no ticket: 1. Informe a versão do sistema; … SQL ou ORACLE": the confirmation asks
    # for what is missing, in lines to fill in, and the ticket waits until it is there (R026, R030)
    totvs.status(key, "pendente")
    assert "Versão do sistema: ___" in asked.text
    totvs.answers(eva, asked, "Versão do sistema: 12.1.2402\nBase de dados: ORACLE", OUTLOOK_WEB)
    totvs.status(key, "aberto")
    work = totvs.reads(LIA, key, "de 12.1.2310 para 12.1.2402")
    # "Caso o analista envie uma solução, o status do ticket muda para Resolvido." (N10)
    totvs.works(LIA, work, "#resolvido\nInstale o pacote 12.1.2402.171.")
    solved = totvs.reads(eva, key, "pacote 12.1.2402.171", "Resolvido")
    # "se você concorda com a solução, não é necessário sinalizar no ticket, pois após 5 dias o mesmo será fechado"
    assert "não precisa" in solved.text
    totvs.pass_time(days=4, hours=20)
    totvs.answers(eva, solved, "Instalei, e o relatório continua em branco.", OUTLOOK_WEB)
    totvs.status(key, "aberto")  # R005: an answer by mail opens it again
    again = totvs.reads(LIA, key, "continua em branco")
    # "encaminhamento para correção de produto" (R133)
    totvs.works(LIA, again, "#dev")
    totvs.status(key, "com_dev")
    totvs.works(LIA, again, "#resolvido\nCorreção de produto liberada no pacote 172.")
    totvs.status(key, "resolvido")
    totvs.pass_time(days=4, hours=20)
    assert totvs.settled(key)["status"] == "resolvido"  # entering it again began the five days anew
    totvs.pass_time(hours=5)
    totvs.status(key, "fechado")
    # "após 5 dias o mesmo será fechado automaticamente. Nesse momento basta que você responda a pesquisa" (R120, N12)
    closed = totvs.reads(eva, key, "encerrado", "Fechado")
    assert len(notices(totvs.settled(key), "N12")) == 1
    assert totvs.rates(closed, 4, "Demorou, mas resolveu.")[0] == 200
    totvs.hears(MEL, "Demorou, mas resolveu.")  # R116, N13
    before = count_to(totvs, eva, key)
    totvs.pass_time(days=30)
    assert (totvs.settled(key)["status"], count_to(totvs, eva, key)) == ("fechado", before)
    # an answer to Fechado is a new ticket, linked to it (table 1.M, A1)
    totvs.answers(eva, closed, "Voltou a acontecer.")
    assert totvs.key_of(totvs.hears(LIA, "Voltou a acontecer.")) != key


def test_a_call_of_a_prime_customer_becomes_a_ticket(totvs: Company) -> None:
    ivo = totvs.known("Ivo Prime", "ivo@prime.test")
    # "CANAL TELEFÔNICO: Canal telefônico diferenciado e direcionado ao atendimento Prime" (R014, R013,
    # R136, N2)
    totvs.gateway.run("organisation", "add", "Prime SA", "--domain", "prime.test", "--tier", "prime")
    totvs.gateway.run(
        "ticket", "open", "--agent", LIA.address, "--contact", ivo.address, "--name", ivo.name,
        "--subject", "Sistema parado", "--text", "Ligou: ninguém entra no RM.", "--channel", "phone",
    )  # fmt: skip
    opened = totvs.first_to(ivo)
    key = totvs.key_of(opened)
    assert totvs.ticket(key)["priority"] == "urgent"
    # "possibilitando o acompanhamento via portal do Cliente" (R004): the link of the mail opens it
    assert totvs.fetch(totvs.link_in(opened))[0] == 200
    totvs.answers(ivo, opened, "Voltou às 10h, obrigado.")
    totvs.ticket(key, lambda row: comments(row)[-1]["author"] == ivo.address)
