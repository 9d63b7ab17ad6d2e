"""Every mistake of every broken configuration is said, with its place and how to write it, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.company import load_company
from mailgate.errors import EX_CONFIG, ConfigError, Mistake
from mailgate.scaffold import preset_folder
from mailgate.settings import load_settings

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "expect.txt").is_file())


def load(folder: Path) -> None:
    settings = load_settings(folder / "mailgate.yaml", {})
    load_company(
        folder,
        preset_folder(settings.preset),
        timezone=settings.timezone,
        departments=settings.departments,
        agents=[agent.address for agent in settings.agents],
    )


def said(mistake: Mistake, folder: Path) -> str:
    return str(mistake).removeprefix(f"{folder}/")


def fits(line: str, sentence: str) -> bool:
    place, _, words = line.partition(": ")
    return sentence.startswith(place) and all(word in sentence for word in words.split(" | "))


@pytest.mark.parametrize("case", CASES)
def test_the_mistakes_are_said(case: str) -> None:
    folder = HERE / case
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert caught.value.exit_code == EX_CONFIG
    sentences = [said(mistake, folder) for mistake in caught.value.mistakes]
    expected = (folder / "expect.txt").read_text(encoding="utf-8").splitlines()
    missing = [line for line in expected if not any(fits(line, sentence) for sentence in sentences)]
    extra = [sentence for sentence in sentences if not any(fits(line, sentence) for line in expected)]
    assert (missing, extra) == ([], []), "\n".join(sentences)


def test_there_are_at_least_thirty() -> None:
    assert len(CASES) >= 30
