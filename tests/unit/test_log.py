"""Logs: where they go."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from mailgate import log
from mailgate.log import LINES, SECONDS, Storms


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What the log, once set up, has written since it was asked last."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log.set_up(json=True)
    yield lambda: capsys.readouterr().err
    structlog.reset_defaults()
    root.handlers[:], root.level = before, level


def test_a_logger_outlives_the_stream_it_was_set_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    try:
        log.set_up(json=True)
        logger = log.get("test")
        logger.info("one")
        assert '"event": "one"' in first.getvalue()
        monkeypatch.setattr(sys, "stderr", second)
        first.close()
        logger.info("two")
        assert '"event": "two"' in second.getvalue()
    finally:
        structlog.reset_defaults()


def test_no_value_types_into_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that anybody may ask for cleared the screen, and more, where `serve` is watched."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    try:
        log.set_up()
        log.get("test").info("request", path="/ação\x1b]52;c;eHh4\x07", more="\x9b2J\u202e", last="a\nb\r")
    finally:
        structlog.reset_defaults()
    said = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())  # colours of our own
    assert said.removesuffix("\n").isprintable(), said
    assert r"/ação\x1b]52;c;eHh4\x07" in said


def test_a_thousand_times_the_same_fault_is_a_few_lines(written: Callable[[], str]) -> None:
    """O5: by cause, whatever mail or row it struck; another cause, another place has lines of its own."""
    logger, mark = log.get("test"), "".join(("zq", "marca"))
    for number in range(1000):
        logger.error("the database does not work, trying again", loop="deliver", row_id=number)
        try:
            raise ValueError(f"{mark} {number}")
        except ValueError:
            logger.exception("mail failed", journal_id=number)
    logger.error("the database does not work, trying again", loop="receive")
    logger.info("mail processed")
    said = written()
    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == 2 * LINES + 2
    assert mark not in said
    assert "ValueError" in lines[1]["exception"]
    assert "test_log.py" in lines[1]["exception"]


def test_what_was_left_out_is_counted_and_causes_are_bounded() -> None:
    now = [0.0]
    storms = Storms(lambda: now[0])
    passed = 0
    for _ in range(100):
        try:
            storms(None, "error", {"event": "x"})
            passed += 1
        except structlog.DropEvent:
            pass
    now[0] = SECONDS
    assert (passed, storms(None, "error", {"event": "x"})["left_out"]) == (LINES, 100 - LINES)
    assert "left_out" not in storms(None, "error", {"event": "x"})
    for number in range(5000):
        storms(None, "error", {"event": f"cause {number}"})
    assert len(storms._seen) <= log.CAUSES


def test_what_a_library_says_of_a_strangers_bytes_is_not_repeated(written: Callable[[], str]) -> None:
    logging.getLogger("multipart").warning("Expected boundary, got %r", "zqmarca")
    logging.getLogger("multipart").warning("Expected zqmarca")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    for _ in range(1000):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    said = written()
    assert "zqmarca" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["says"] for line in lines][:3] == ["Expected boundary, got %r", "", "Invalid HTTP request received."]
    assert len(lines) == 2 + LINES
