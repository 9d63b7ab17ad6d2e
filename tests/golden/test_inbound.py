"""One folder per odd mail: `message.eml`, what must be read in it (`expect.json`), and why (`README.md`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailgate.mail.asjson import as_json
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import ReadMail, read_mail

HERE = Path(__file__).parent / "inbound"
CASES = sorted(path.parent.name for path in HERE.glob("*/message.eml"))


def _special(key: str, wanted: Any, mail: ReadMail) -> bool | None:
    """Expectations that are no keys of the JSON; None for those that are."""
    message = mail.message
    text = {"text": message.text, "reply": message.reply, "elided": message.elided, "html": message.html or ""}
    field, _, relation = key.rpartition("_")
    if relation in ("contains", "lacks") and field in text:
        return all((piece in text[field]) == (relation == "contains") for piece in wanted)
    if key == "defects_contain":
        return all(any(piece in defect for defect in message.defects) for piece in wanted)
    if key == "author":
        return (message.author.address if message.author else None) == wanted
    if key == "from_has_line_end":
        return message.from_ is not None and ("\n" in message.from_.name or "\r" in message.from_.name) == wanted
    facts = {
        "kind": mail.screening.kind,
        "may_answer": mail.screening.may_answer,
        "language": message.language,
        "elided": message.elided,
        "original_message_id": mail.bounce.original_message_id if mail.bounce else None,
    }
    return facts[key] == wanted if key in facts else None


@pytest.mark.parametrize("case", CASES)
def test_reads_as_expected(case: str) -> None:
    folder = HERE / case
    expect = json.loads((folder / "expect.json").read_text(encoding="utf-8"))
    mail = read_mail((folder / "message.eml").read_bytes(), MailLimits())
    answer = as_json("message.eml", mail)
    for key, wanted in expect.items():
        verdict = _special(key, wanted, mail)
        if verdict is not None:
            assert verdict, f"{key}: want {wanted!r} in {mail}"
        elif key == "attachments":
            assert len(answer[key]) == len(wanted), answer[key]
            for said, got in zip(wanted, answer[key], strict=True):
                assert said == {name: got[name] for name in said}
        else:
            assert answer[key] == wanted, key


@pytest.mark.parametrize("case", CASES)
def test_says_why_it_is_here(case: str) -> None:
    assert len((HERE / case / "README.md").read_text(encoding="utf-8")) > 40


def test_line_ends_make_no_difference() -> None:
    """The same mail with LF, as files and pipes have it, reads the same and has the same fingerprint."""
    for case in CASES:
        raw = (HERE / case / "message.eml").read_bytes()
        with_crlf = read_mail(raw, MailLimits()).message
        with_lf = read_mail(raw.replace(b"\r\n", b"\n"), MailLimits()).message
        assert with_lf.fingerprint == with_crlf.fingerprint
        assert (with_lf.text, with_lf.reply, with_lf.subject) == (with_crlf.text, with_crlf.reply, with_crlf.subject)
