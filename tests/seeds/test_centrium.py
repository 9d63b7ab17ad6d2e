"""Centrium, "Painel do Cliente": six statuses, told by mail alone. Words in quotation marks are the document's.

Its pages are told in `tests/portal/test_centrium_pages.py`: the form "Abrir Novo Ticket" and its fields (R020, R021,
R024, R026, R037), "Ver histórico do Ticket" and "Verificar Status do Ticket" (R052), ENTRAR (R056), "Postar uma
Resposta" (R089), the Light and the Master panel with its filters, tabs and icon (R059, R060, R080 to R083, R094,
R098).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.house import png
from tests.integration.clients import APPLE, OUTLOOK, Attached, Person, Picture
from tests.integration.desk import comments, events
from tests.seeds.company import Company, count_to

pytestmark = pytest.mark.integration

ADDRESS = "atendimento@centrium.test"
CARLA = Person("Carla Técnica", "carla@centrium.test")


@pytest.fixture(scope="module")
def centrium(company: Callable[..., Company]) -> Company:
    """Centrium with one technician."""
    return company(
        "centrium",
        ADDRESS,
        company={"name": "Centrium Sistemas", "site": "https://centrium.test"},
        addresses=[{"address": ADDRESS, "department": "suporte"}],
        agents=[{"name": CARLA.name, "address": CARLA.address, "departments": ["suporte"], "role": "agent"}],
    )


def test_an_inconformidade_from_its_first_mail_to_reaberto_and_fechado(centrium: Company) -> None:
    joao = centrium.known("João Pereira", "joao@industria.test")
    # "Enviando um e-mail para atendimento@…, seu ticket é aberto automaticamente." (R001, R010)
    # "As imagens poderão estar dispostas no corpo do e-mail, não necessariamente em anexo." (R006)
    error = Picture("erro.png", png(200, 80))
    centrium.writes(
        joao, "Mensagem de bloqueio ao emitir nota", "Bom dia,\nNão anexei a mensagem inteira.", OUTLOOK, picture=error
    )
    # "irá gerar um e-mail de notificação sobre a abertura do ticket e seu número" (R002, R015, N1)
    acknowledged = centrium.first_to(joao)
    key = centrium.key_of(acknowledged)
    assert f"[{key}]" in str(acknowledged.message["Subject"])
    assert "Aberto" in acknowledged.text  # "Aberto: status inicial de abertura do ticket"
    # "clicando na opção “Clicando aqui”, no corpo do e-mail" opens it, with its history and the image in place (R050)
    assert "clicando aqui" in acknowledged.text
    link = centrium.link_in(acknowledged)
    status, page = centrium.fetch(link)
    assert (status, "Não anexei a mensagem inteira." in page) == (200, True)  # R087, R088 as far as a link shows it
    assert error.content in centrium.images_of(link)

    # R119, N19: the technician has all of it in the mailbox
    work = centrium.reads(CARLA, key, "Não anexei a mensagem inteira.")
    # "o suporte irá solicitar a mensagem e, enquanto não tiver retorno do cliente, o status do ticket fica como
    # “Com Cliente”" (R135, N7)
    centrium.works(CARLA, work, "#com-cliente\nPode enviar a mensagem do erro?")
    asked = centrium.reads(joao, key, "Pode enviar a mensagem do erro?", "Com cliente")
    centrium.status(key, "com_cliente")
    # "com a informação do técnico/agente atribuído, data de vencimento e o status atual" (R113, R130, R131, N5)
    assert "Carla Técnica" in asked.text
    assert "Prazo" in asked.text
    assert asked.message["X-Mailgate-Agent"] is not None

    # "respondendo o e-mail e este criará um trâmite no ticket automaticamente" (R003)
    centrium.answers(joao, asked, "É o erro 656, consumo indevido.", APPLE)
    centrium.status(key, "aberto")
    answered = centrium.reads(CARLA, key, "É o erro 656")
    # "Com Desenvolvimento: quando há abertura de incidente ou retirada de dúvidas com o desenvolvimento" (R133, N6)
    centrium.works(CARLA, answered, "#dev")
    centrium.status(key, "com_dev")
    centrium.reads(joao, key, "Com Desenvolvimento", "Com Desenvolvimento")

    # "Recebido retorno do técnico com o status “RESOLVIDO”." (N10)
    centrium.works(CARLA, answered, "#resolvido\nCorrigimos o envio; pode emitir de novo.")
    solved = centrium.reads(joao, key, "Corrigimos o envio", "Resolvido")
    centrium.status(key, "resolvido")
    # "Os tickets com status “Resolvido” não são tickets arquivados": no time closes them
    centrium.pass_time(days=20)
    # "respondendo o e-mail … irá alterar o status -automaticamente- de “Resolvido” para “Reaberto”" (R005, N11)
    centrium.answers(joao, solved, "Ainda aparece a mensagem 656.")
    reopened = centrium.status(key, "reaberto")
    # "A resposta será adicionada como um novo trâmite"
    assert [m["direction"] for m in comments(reopened)] == ["in", "out", "in", "out", "in"]
    centrium.reads(joao, key, "foi reaberto", "Reaberto")
    again = centrium.reads(CARLA, key, "Ainda aparece a mensagem 656.")

    centrium.works(CARLA, again, "#resolvido\nAgora liberamos o CNPJ na SEFAZ.")
    centrium.reads(joao, key, "Agora liberamos", "Resolvido")
    # "Reaberto: … seja pelo cliente ou seja pelo técnico" (R134)
    centrium.works(CARLA, again, "#reabrir\nEncontrei mais um caso; sigo verificando.")
    centrium.status(key, "reaberto")
    # "Fechado: quando o assunto estiver finalizado" (N12), and what comes later is a new ticket linked to it (table
    # 1.M)
    centrium.works(CARLA, again, "#fechar\nConfirmado por telefone. Obrigada!")
    closed = centrium.reads(joao, key, "Confirmado por telefone", "Fechado")
    assert centrium.status(key, "fechado")["category"] == "closed"
    centrium.answers(joao, closed, "Voltou a acontecer hoje.")
    second = centrium.ticket("SUP-2")
    assert second["requester"] == joao.address
    assert events(second, "opened")
    assert centrium.status(key, "fechado")["status"] == "fechado"


def test_videos_and_certificates_only_inside_a_zip(centrium: Company) -> None:
    rosa = centrium.known("Rosa Lima", "rosa@comercio.test")
    # "Arquivos como vídeos ou certificados digitais deverão ser compactados em arquivo .zip" (R007, N20's content)
    centrium.writes(
        rosa,
        "Certificado vencido",
        "Segue o certificado e um vídeo.",
        files=[Attached("empresa.pfx", b"\x30\x82" + bytes(40), "application/x-pkcs12"),
               Attached("tela.mp4", b"\0\0\0\x20ftypisom" + bytes(40), "video/mp4")],
    )  # fmt: skip
    told = centrium.first_to(rosa)
    assert "empresa.pfx" in told.text
    assert "tela.mp4" in told.text
    assert ".zip" in told.text
    key = centrium.key_of(told)
    assert centrium.attachments(key) == []
    # the same, compressed, as the mail explained: it comes in with the answer
    inside = b"PK\x05\x06" + bytes(18)
    centrium.answers(rosa, told, "Agora compactado.", files=[Attached("certificado.zip", inside, "application/zip")])
    centrium.ticket(key, lambda row: len(comments(row)) == 2)
    assert [file["filename"] for file in centrium.attachments(key)] == ["certificado.zip"]
    assert count_to(centrium, rosa, key) == 1
