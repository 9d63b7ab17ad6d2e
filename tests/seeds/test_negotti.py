"""Negotti, "Como enviar um chamado?": Novo, Aberto, Pendente, Resolvido; every change and every message is told.

Its pages are told in `tests/portal/test_negotti_pages.py`: "Enviar uma Solicitação" (R020), "Esqueci minha senha"
(R057, N3), "Solicitações da Organização" with its filter (R081, R083, R104), the shortcut on a phone (R071).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.clients import APPLE, GMAIL, IPHONE, Person
from tests.integration.desk import comments, notices
from tests.seeds.company import Company

pytestmark = pytest.mark.integration

ADDRESS = "suporte@negotti.test"
NEI = Person("Nei Suporte", "nei@negotti.test")


@pytest.fixture(scope="module")
def negotti(company: Callable[..., Company]) -> Company:
    """Negotti with one agent."""
    return company(
        "negotti",
        ADDRESS,
        company={"name": "Negotti", "site": "https://negotti.test"},
        addresses=[{"address": ADDRESS, "department": "suporte"}],
        agents=[{"name": NEI.name, "address": NEI.address, "departments": ["suporte"], "role": "agent"}],
    )


def test_a_request_through_its_four_statuses(negotti: Company) -> None:
    bia = negotti.known("Bia Melo", "bia@loja.test")
    # "Também é possível criar solicitações enviando um email para suporte@…" (R001, R010, R027)
    negotti.writes(bia, "Pedido não sincroniza", "O pedido 1520 não aparece no aplicativo.", APPLE)
    # "Ao criar uma solicitação um email de confirmação é enviado confirmando o recebimento." (R002, N1)
    confirmed = negotti.first_to(bia)
    key = negotti.key_of(confirmed)
    # "Novo: criado e ainda precisa ser iniciado, posição indefinida"
    assert "Novo" in confirmed.text
    negotti.status(key, "novo")

    # "Aberto: sendo trabalhado, posição com alguma informação possível": the first answer begins it (R119)
    work = negotti.reads(NEI, key, "O pedido 1520")
    negotti.works(NEI, work, "Oi Bia, já estou olhando o pedido.")
    negotti.status(key, "aberto")
    # "Avisos são enviados por email ao serem realizadas alterações de status e mensagens enviadas" (R112, N5, N6)
    begun = negotti.reads(bia, key, "já estou olhando", "Aberto")

    # "Pendente: aguardando definições ou respostas", "significa que alguma informação ou material está pendente"
    # (R135, N7)
    negotti.works(NEI, work, "#pendente\nQual é o modelo do aparelho?")
    negotti.status(key, "pendente")
    asked = negotti.reads(bia, key, "modelo do aparelho", "Pendente")
    negotti.answers(bia, asked, "É um Moto G84.", IPHONE)
    negotti.status(key, "aberto")
    negotti.reads(bia, key, "Aberto", "Aberto")  # R112: told even though her own answer did it
    again = negotti.reads(NEI, key, "Moto G84")

    # "Resolvido: considerado como finalizado e pode ser reaberto" (N10)
    negotti.works(NEI, again, "#resolvido\nAtualizei o aplicativo; o pedido apareceu.")
    solved = negotti.reads(bia, key, "o pedido apareceu", "Resolvido")
    negotti.status(key, "resolvido")
    # "Ao ser Resolvido, pode ser reaberto pelo sistema Web ou e-mail": even weeks later, no timer is promised (R005,
    # N11)
    negotti.pass_time(days=25)
    negotti.answers(bia, solved, "Hoje sumiu de novo.", GMAIL)
    negotti.status(key, "aberto")
    negotti.reads(bia, key, "foi reaberto", "Aberto")
    negotti.works(NEI, negotti.reads(NEI, key, "Hoje sumiu"), "#resolvido\nCorrigido na versão 3.2.")
    last = negotti.status(key, "resolvido")
    assert [m["direction"] for m in comments(last)] == ["in", "out", "out", "in", "out", "in", "out"]
    assert len(notices(last, "N1")) == 1
    # the web does what the mail does (R005): the link's page takes an answer, and the ticket is open again
    negotti.reads(bia, key, "Corrigido na versão 3.2", "Resolvido")
    assert negotti.fetch(negotti.link_in(begun))[0] == 200


def test_a_stranger_is_confirmed_with_our_words_only(negotti: Company) -> None:
    # R012: no registration is promised as needed; what nobody proves gets no word of the mail back
    negotti.writes(Person("Zé", "ze@nao-provado.test"), "Sincronização", "Podem trancar a sincronização?")
    confirmed = negotti.first_to(Person("Zé", "ze@nao-provado.test"))
    assert "trancar" not in confirmed.text
    assert negotti.ticket(negotti.key_of(confirmed))["status"] == "novo"
