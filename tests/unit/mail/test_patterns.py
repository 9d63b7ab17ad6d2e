"""M11: every pattern over strangers' text is fed repetitions of its own characters."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.unit.mail.pumping import patterns_of, slow_inputs

#: Where what a stranger or a customer wrote is searched.
_PACKAGES = ("mail", "authn", "decide", "tickets", "ingest", "links", "flows")
#: Patterns that are only ever given a few hundred characters, by whoever calls them.
_ON_SHORT_TEXT = frozenset(
    {
        "mailgate.mail.headers._SIMPLE",
        "mailgate.tickets.fillin._BOX",
        "mailgate.tickets.fillin._TOKEN",
        "mailgate.mail.filetypes._MARKUP",
    }
)
#: Patterns that no search looks for: they are matched where somebody stands already.
_ANCHORED = frozenset(
    {
        "mailgate.mail.html._ATTRIBUTE",
        "mailgate.mail.tree._FIELD",
        "mailgate.tickets.fillin._BARE_VERSION",
    }
)
_SEARCHES = ("search", "finditer", "findall", "sub", "subn", "split")


def test_what_is_called_anchored_is() -> None:
    for module, _, name in (full.rpartition(".") for full in _ANCHORED):
        source = Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")
        assert not re.search(rf"\b{name}\.({'|'.join(_SEARCHES)})\(", source), name
        assert re.search(rf"\b{name}\.(match|fullmatch)\(", source), name


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_no_pattern_takes_ages() -> None:
    """A search in 4,000 characters takes milliseconds; quadratic, it is fifty times that."""
    slow = {
        name: found
        for name, pattern in patterns_of(*(f"mailgate.{package}" for package in _PACKAGES))
        if name not in _ON_SHORT_TEXT and (found := list(slow_inputs(pattern, 4_000, 0.05, name in _ANCHORED)))
    }
    assert slow == {}
