"""The knowledge base at the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shell


@pytest.fixture
def folder(shell: Shell) -> Path:
    made = shell.folder / "knowledge"
    made.mkdir(exist_ok=True)
    for old in made.rglob("*.md"):
        old.unlink()
    (made / "boleto.md").write_text("---\ntitle: Segunda via do boleto\n---\nAbra o menu.\n", encoding="utf-8")
    return made


def test_import_counts_and_names_every_mistake_with_its_place(shell: Shell, folder: Path) -> None:
    done = shell("knowledge", "import", "--json")
    assert (done.code, done.value["added"], done.value["withdrawn"]) == (0, 1, 0)
    (folder / "mau.md").write_text("---\ntitel: x\n---\n", encoding="utf-8")
    (folder / "bom.md").write_text("# Bom\n\n[nada](nada.md)\n", encoding="utf-8")
    done = shell("knowledge", "import", "--json")
    assert done.code == 65
    assert [(v["kind"], Path(v.get("file", "")).name, v.get("line"), v.get("column")) for v in done.values[:-1]] == [
        ("warning", "bom.md", 3, 8), ("mistake", "mau.md", 2, 1),
    ]  # fmt: skip
    said = shell("knowledge", "import")
    assert "mau.md:2:1: unknown key `titel`; did you mean `title`?" in said.out
    assert said.err.endswith("knowledge: 0 added, 0 changed, 2 unchanged, 0 withdrawn\n")


def test_list_search_and_show(shell: Shell, folder: Path) -> None:
    shell("knowledge", "import")
    (folder / "boleto.md").write_text("---\ntitle: Segunda via do boleto\n---\nAbra outro menu.\n", encoding="utf-8")
    shell("knowledge", "import")
    (row,) = shell("knowledge", "list", "--json").values
    assert (row["slug"], row["version"], row["published"]) == ("boleto", 2, True)
    assert "Segunda via do boleto" in shell("knowledge", "list").out
    (hit,) = shell("knowledge", "search", "boletos", "--json").values
    assert (hit["article"], hit["snippet"]) == ("boleto", "Abra outro menu.")
    assert "no article" in shell("knowledge", "search", "contrato").err
    assert shell("knowledge", "show", "boleto", "1").out.endswith("Abra o menu.\n")
    assert shell("knowledge", "show", "boleto").out.endswith("Abra outro menu.\n")
    assert shell("knowledge", "show", "boleto", "3").code == 65
    assert shell("knowledge", "show", "nada").code == 65
