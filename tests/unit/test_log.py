"""Logs: where they go."""

from __future__ import annotations

import io
import sys

import pytest
import structlog

from mailgate import log


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
