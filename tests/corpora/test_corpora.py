"""Foreign test mails, where there are some: for every one an answer, valid JSON, in time and in bounded memory.

MAILGATE_CORPORA names a folder of mails of any depth, `*.eml`. Where `*.expected.json` lies beside a mail, what it
states about subject, author, Message-ID and date is compared as well; the floors keep what was once reached.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailgate.mail.asjson import as_json
from mailgate.mail.limits import MIB, MailLimits
from mailgate.mail.parse import read_mail

FOLDER = os.environ.get("MAILGATE_CORPORA", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="MAILGATE_CORPORA names no folder of test mails")
#: Per cent of what a folder states that must be right; docs/quirks.md says what is not and why.
FLOOR = 98.0


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024


def _read(path: Path) -> tuple[dict[str, Any], float]:
    raw = path.read_bytes()
    begin = time.process_time()
    answer = as_json(path.name, read_mail(raw, MailLimits()))
    return answer, time.process_time() - begin


def _faults(paths: list[Path]) -> list[str]:
    """In a process of its own, as mails are read: what is wrong with the answers."""
    found = []
    before = _peak()
    largest = 0
    for path in paths:
        answer, took = _read(path)
        size = path.stat().st_size
        largest = max(largest, size)
        if took > (2.0 if size <= MIB else 10.0):
            found.append(f"{path.name}: {took:.1f} s")
        try:
            json.dumps(answer, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            found.append(f"{path.name}: not UTF-8")
        if _peak() - before > 64 * MIB + 4 * largest:
            found.append(f"{path.name}: memory grew by {(_peak() - before) // MIB} MiB")
            before = _peak()
    return found


def test_every_mail_has_an_answer_in_bounds() -> None:
    mails = sorted(Path(FOLDER).rglob("*.eml"))
    assert mails, f"no mails in {FOLDER}"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_faults, (mails,)) == []


def _words(value: Any) -> str:
    return " ".join(unicodedata.normalize("NFC", str(value or "")).replace("\u00a0", " ").split())


def _instant(value: Any) -> float | None:
    return datetime.fromisoformat(value).timestamp() if value else None


def _compared(said: dict[str, Any], answer: dict[str, Any]) -> Iterator[bool]:
    """Whether each thing that is stated is right."""
    if "subject" in said:
        yield _words(said["subject"]) == _words(answer["subject"])
    if "from" in said:
        author = answer["from"] or {}
        yield said["from"]["address"].lower() == str(author.get("address")).lower()
    if "message_id" in said:
        yield _words(said["message_id"]).strip("<>") == _words(answer["message_id"])
    if said.get("date"):
        yield _instant(said["date"]) == _instant(answer["date"])


def test_what_folders_state_stays_right() -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    for expected in sorted(Path(FOLDER).rglob("*.expected.json")):
        mail = expected.with_name(expected.name.removesuffix(".expected.json") + ".eml")
        if mail.exists():
            said = json.loads(expected.read_text(encoding="utf-8"))
            right[expected.parent.name] += _compared(said, _read(mail)[0])
    if not right:
        pytest.skip("nothing is stated beside the mails")
    shares = {folder: 100 * sum(found) / len(found) for folder, found in right.items() if found}
    assert {folder: share for folder, share in shares.items() if share < FLOOR} == {}
