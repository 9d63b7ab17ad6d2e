"""Zetti, "Portal do Cliente": departments, request types, tickets opened by agents, and keys like SUP-123.

Its pages are told in `tests/portal/test_zetti_pages.py`: log-in and its password (R055 to R057, N3), "Nova
solicitação" with department, type, fields and "Vincular outras lojas ou pessoas" (R020 to R023, R026, R034), lists,
filters, columns, search, counter (R080, R081, R083 to R086), the bell (R093, R117), "Compartilhar" (R066, R092), the
knowledge base (R032, R124), "Sair" (R065).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.house import png
from tests.integration.clients import IPHONE, OUTLOOK, Attached, Person, Picture
from tests.integration.desk import comments
from tests.seeds.company import Company, read

pytestmark = pytest.mark.integration

PDV, FISCAL, ADM = "pdv@zetti.test", "fiscal@zetti.test", "administrativo@zetti.test"
PAU = Person("Pau PDV", "pau@zetti.test")
FLA = Person("Fla Fiscal", "fla@zetti.test")


@pytest.fixture(scope="module")
def zetti(company: Callable[..., Company]) -> Company:
    """Zetti: an address for each department, and only registered customers, as its "Pré-requisito" says."""
    return company(
        "zetti",
        PDV,
        company={"name": "Zetti Tech", "site": "https://zetti.test"},
        guests="rejected",
        addresses=[
            {"address": PDV, "department": "pdv-orcamento"},
            {"address": FISCAL, "department": "financeiro-fiscal"},
            {"address": ADM, "department": "administrativo"},
        ],
        agents=[
            {"name": PAU.name, "address": PAU.address, "departments": ["pdv-orcamento"], "role": "agent"},
            {"name": FLA.name, "address": FLA.address, "departments": ["financeiro-fiscal"], "role": "agent"},
        ],
    )


def test_a_registered_shop_writes_and_its_request_is_followed_to_the_end(zetti: Company) -> None:
    # "é necessário que o CNPJ/empresa do cliente esteja devidamente cadastrado … com um endereço de e-mail válido"
    # (R011)
    zetti.gateway.run("organisation", "add", "Vetor Farma", "--domain", "vetorfarma.test")
    dona = zetti.known("Dona Vera", "vera@vetorfarma.test")
    zetti.gateway.run("contact", "add", dona.address, "--name", dona.name, "--organisation", "Vetor Farma")
    # whoever is not is told how to become it, and no request comes of it (R011, N20)
    stranger = zetti.known("Estranho", "alguem@outro.test")
    zetti.writes(stranger, "Quero suporte", "Boa tarde.", OUTLOOK)
    assert "não encontramos o seu e-mail no cadastro" in read(zetti.first_to(stranger))
    assert zetti.gateway.tickets() == []

    # "PDV-Orçamento, Compras-Estoque e Financeiro-Fiscal: … suporte, reportar falha e dúvida" (R010, R022, R023)
    shown, bill = Picture("rejeicao.png", png(120, 60)), Attached("nota.pdf", b"%PDF-1.4 x")
    zetti.writes(
        dona, "Nota fiscal rejeitada", "Rejeição 539, loja 2.", OUTLOOK, to=FISCAL, picture=shown, files=[bill]
    )
    told = zetti.first_to(dona)
    key = zetti.key_of(told)
    # "digite … a referência “SUP-”, em seguida informe o número do chamado" (R015, R084's key)
    assert key == "SUP-1"
    row = zetti.status(key, "aguardando_suporte")
    assert row["department"] == "financeiro-fiscal"
    # "a nova solicitação será encaminhada para a fila … conforme o nível de prioridade definido" (R038, R132)
    assert "Prazo" in told.text
    work = zetti.reads(FLA, key, "Rejeição 539")
    assert "Financeiro-Fiscal" in work.text
    assert zetti.count_told(PAU.address, key) == 0
    zetti.works(FLA, work, "#topico reportar-falha\n#prioridade alta\nVera, estou analisando.")
    zetti.status(key, "em_andamento")
    answer = zetti.reads(dona, key, "estou analisando", "Em andamento")
    assert (zetti.ticket(key)["topic"], zetti.ticket(key)["priority"]) == ("reportar_falha", "high")

    # "utilize o campo “Adicione um comentário” … para acrescentar informações relevantes", images too (R003, R089 by
    # mail)
    zetti.answers(dona, answer, "Segue a tela da loja 3.", IPHONE, picture=Picture("loja3.png", png(90, 60)))
    zetti.ticket(key, lambda one: len(comments(one)) == 3)
    page = zetti.images_of(zetti.link_in(answer))
    assert png(90, 60) in page
    zetti.works(FLA, zetti.reads(FLA, key, "loja 3"), "#pedir-info\nQual é a série da nota?")
    asked = zetti.reads(dona, key, "série da nota", "Aguardando cliente")
    zetti.answers(dona, asked, "Série 1.")
    zetti.status(key, "em_andamento")
    zetti.works(FLA, zetti.reads(FLA, key, "Série 1."), "#resolvido\nAjustei a numeração.")
    solved = zetti.reads(dona, key, "Ajustei a numeração", "Resolvido")
    zetti.answers(dona, solved, "A loja 2 ainda rejeita.")
    zetti.status(key, "em_andamento")
    # R005, N11
    zetti.reads(dona, key, "foi reaberto", "Em andamento")


def test_an_agent_opens_one_and_links_it_to_the_customer(zetti: Company) -> None:
    zetti.gateway.run("contact", "add", "caio@redefarma.test", "--name", "Caio Rede")
    caio = zetti.known("Caio Rede", "caio@redefarma.test")
    # "Quando um agente da Zetti Tech abre um chamado e o vincula ao cliente, uma notificação será enviada para seu
    # e-mail fornecendo um link de acesso" (R013, R114, N2, by mail: R119)
    raw = (
        f"From: {PAU.mailbox}\r\nTo: {PDV}\r\nSubject: Frente de caixa lenta\r\nMessage-ID: <p1@zetti.test>\r\n"
        f"Date: {zetti.now():%a, %d %b %Y %H:%M:%S +0000}\r\n\r\n"
        f"#solicitante {caio.address}\r\nO Caio ligou: o caixa 4 trava.\r\n"
    )
    zetti.gateway.submit(raw.encode(), [PDV], PAU.address)
    told = zetti.first_to(caio)
    key = zetti.key_of(told)
    assert "Pau PDV abriu" in told.text
    row = zetti.ticket(key)
    assert (row["requester"], row["department"]) == (caio.address, "pdv-orcamento")
    # "este link de acesso é temporário e expirará": the day is in the mail (R050, R051)
    link = zetti.link_in(told)
    assert "vale até" in told.text
    assert zetti.fetch(link)[0] == 200
    zetti.pass_time(days=31)
    status, page = zetti.fetch(link)
    assert "caixa 4 trava" not in page
    assert status in (200, 403, 404, 410)
    # he still answers by mail, with no account at all (R004)
    zetti.answers(caio, told, "Continua travando.")
    zetti.ticket(key, lambda one: comments(one)[-1]["author"] == caio.address)
    zetti.reads(PAU, key, "Continua travando.")
