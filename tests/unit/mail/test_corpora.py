"""Foreign test mails, where there are some: an answer for every one, as valid JSON, in time."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mailgate.mail.asjson import as_json
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

FOLDER = os.environ.get("MAILGATE_CORPORA", "")


@pytest.mark.skipif(not FOLDER, reason="MAILGATE_CORPORA names no folder of test mails")
def test_every_mail_has_an_answer() -> None:
    mails = sorted(Path(FOLDER).rglob("*.eml"))
    assert mails, f"no mails in {FOLDER}"
    slow, broken = [], []
    for path in mails:
        raw = path.read_bytes()
        begin = time.process_time()
        answer = as_json(path.name, read_mail(raw, MailLimits()))
        if time.process_time() - begin > 2:
            slow.append(path.name)
        try:
            json.dumps(answer, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            broken.append(path.name)
    assert (slow, broken) == ([], [])
