"""Which files become attachments: by name, by type, by first bytes, by size, by topic."""

from __future__ import annotations

import pytest

from mailgate.companyfiles import FILE_GROUPS, AttachmentPolicy, TopicsFile
from mailgate.decide.facts import FileFacts
from mailgate.decide.files import reason
from mailgate.mail.filetypes import GROUPS

ZIPPED = {"must_be_zipped": ["videos", "certificates"]}


def test_the_words_are_those_of_the_table() -> None:
    assert set(FILE_GROUPS) == set(GROUPS)


@pytest.mark.parametrize(
    ("policy", "file", "why"),
    [
        (ZIPPED, FileFacts("tela.MP4", "video/mp4", "video/mp4", 10), "zip"),
        (ZIPPED, FileFacts("tela.txt", "text/plain", "video/mp4", 10), "zip"),
        (ZIPPED, FileFacts("tela", "video/quicktime", "", 10), "zip"),
        (ZIPPED, FileFacts("empresa.pfx", "application/octet-stream", "", 10), "zip"),
        (ZIPPED, FileFacts("cert.dat", "application/octet-stream", "application/x-pkcs12", 10), "zip"),
        (ZIPPED, FileFacts("tela.zip", "application/zip", "application/zip", 10, ("tela.mp4",)), ""),
        (ZIPPED, FileFacts("smime.p7s", "application/pkcs7-signature", "", 10), ""),
        (ZIPPED, FileFacts("erro.png", "image/png", "image/png", 10), ""),
        ({"must_be_zipped": ".log"}, FileFacts("servidor.LOG", "text/plain", "", 10), "zip"),
        ({"denied": ["programs"]}, FileFacts("nota.pdf.exe", "application/pdf", "", 10), "denied"),
        (
            {"denied": ["programs"]},
            FileFacts("x.zip", "", "application/zip", 10, ("a/b.scr",)),
            "denied",
        ),
        ({"denied": ["programs"], "up_to": 5}, FileFacts("a.exe", "", "", 10), "denied"),
        ({"up_to": "1KiB"}, FileFacts("a.pdf", "application/pdf", "application/pdf", 1025), "size"),
        ({"up_to": "off"}, FileFacts("a.pdf", "application/pdf", "application/pdf", 10**9), ""),
        ({}, FileFacts("a.exe", "", "", 10), ""),
    ],
)
def test_what_is_taken(policy: dict[str, object], file: FileFacts, why: str) -> None:
    assert reason(AttachmentPolicy.model_validate(policy), file) == why


def test_a_topic_s_own_policy_holds_in_place_of_the_company_s() -> None:
    topics = TopicsFile.model_validate(
        {
            "topics": {"fiscal": {"label": {"en": "Tax"}, "attachments": {}}, "outro": {"label": {"en": "Other"}}},
            "attachments": ZIPPED,
        }
    )
    assert topics.policy("fiscal").must_be_zipped == ()
    assert topics.policy("outro") == topics.policy("") == topics.attachments
