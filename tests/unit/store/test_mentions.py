"""An address or a name in a text is found where it is itself, however it is escaped, and not within another one."""

from __future__ import annotations

import json

import pytest

from store import mentions

ANA = "ana@cliente.test"


@pytest.mark.parametrize(
    "text",
    [
        ANA, f"<{ANA}>", f"Ana <{ANA.upper()}>.", f"mailto:{ANA}?subject=x", f"to={ANA}&x", f"'{ANA}'", f"_{ANA}_",
        f"*{ANA}*", f"({ANA})", f"{ANA}. Obrigada", f"{ANA},joana@cliente.test", f"=3C{ANA}=3E", f"%3c{ANA}%3e",
        json.dumps(f"De:\n{ANA}\n"), json.dumps(f"De:\x0b{ANA}"), f"“{ANA}”", f"\ufffd{ANA}", f"...{ANA}...",
        f"- {ANA}-",
    ],
)  # fmt: skip
def test_found(text: str) -> None:
    assert mentions.of_address(ANA).search(text)


@pytest.mark.parametrize(
    "text",
    ["joana@cliente.test", "maria.ana@cliente.test", "x-ana@cliente.test", "eu+ana@cliente.test", "a_ana@cliente.test",
     "éana@cliente.test", f"{ANA}.br", f"{ANA}e", f"{ANA}-sul.test", f"{ANA}1"],
)  # fmt: skip
def test_somebody_elses(text: str) -> None:
    assert not mentions.of_address(ANA).search(text)


def test_names_are_whole_words() -> None:
    pattern = mentions.of_name("Ana Lima")
    assert pattern.sub("-", 'ana lima, "Ana Lima" <x>') == '-, "-" <x>'
    assert not pattern.search("Mariana Lima")
    assert not pattern.search("Ana Limana")
