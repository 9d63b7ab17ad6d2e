"""R007, R008: videos and certificates only in a .zip; the ticket is opened, the mail keeps the file, all are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store.tables import ATTACHMENT, EVENT
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

VIDEO = b"\0\0\0\x18ftypmp42" + b"\0" * 40


FILES = (("gravacao.mp4", "video/mp4", VIDEO), ("erro.png", "image/png", b"\x89PNG\r\n\x1a\n...."))


def test_a_video_opens_a_ticket_and_stays_in_the_mail(story: Story) -> None:
    settled = story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Segue o vídeo.", files=FILES))
    assert settled.outcome is Outcome.OPENED
    assert [row.filename for row in story.rows(ATTACHMENT)] == ["erro.png"]
    (event,) = [e for e in story.rows(EVENT) if e.kind == "files_refused"]
    assert event.data["files"] == [{"name": "gravacao.mp4", "why": "zip"}]
    assert story.told() == [("N1", ANA[1]), ("N19", BRUNO[1])]
    to_ana, to_bruno = (mail.raw for mail in story.deliver())
    assert b"gravacao.mp4" in to_ana
    assert b"zipada" in to_ana
    assert b"gravacao.mp4" in to_bruno


def test_a_video_in_an_answer_is_told_by_a_notice_of_its_own(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    answer = plain_mail(ANA, SUPPORT, "Re: Nota recusada [SUP-1]", "Segue o vídeo.", files=FILES)
    assert story.receive(answer).outcome is Outcome.COMMENTED
    assert ("FILES", ANA[1]) in story.told()
    assert any(b"gravacao.mp4" in mail.raw for mail in story.deliver() if mail.recipient == ANA[1])


def test_an_unverified_sender_reads_only_our_own_words(story: Story) -> None:
    stranger = ("Ana", "ana@unproven.test")
    mail = plain_mail(stranger, SUPPORT, "Assunto", "Segue.", verified=False, files=FILES)
    assert story.receive(mail).outcome is Outcome.OPENED
    (sent,) = [one for one in story.deliver() if one.recipient == stranger[1]]
    assert b"gravacao" not in sent.raw
    assert b".zip" in sent.raw


@pytest.mark.parametrize("preset", ["totvs"])
def test_where_nothing_must_be_zipped_the_video_is_an_attachment(make_story: Callable[..., Story], preset: str) -> None:
    story = make_story(preset=preset)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Segue o vídeo.", files=FILES))
    assert [row.filename for row in story.rows(ATTACHMENT)] == ["gravacao.mp4", "erro.png"]


def test_what_only_calls_itself_an_image_is_a_file_to_save(story: Story) -> None:
    files = [("foto.png", "image/png", b"texto"), ("erro.png", "image/png", b"\x89PNG\r\n\x1a\n....")]
    story.receive(plain_mail(ANA, SUPPORT, "Foto", "Segue.", files=files))
    kinds = [row.content_type for row in story.rows(ATTACHMENT)]
    assert kinds == ["application/octet-stream", "image/png"]
