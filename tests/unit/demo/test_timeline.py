"""A ticket's life under each preset, without waiting for it: the days are those that the seed documents promise."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from mailgate.cli.commands import outcome
from mailgate.demo import storyboard
from mailgate.demo.life import Life, live
from mailgate.demo.lifewords import SCENARIOS


def days(life: Life) -> list[tuple[int, str, str, list[str]]]:
    """(day, who, status, notices to the customer) of each moment."""
    return [(m.day, m.who, m.status, [one.notice for one in m.mails if one.to == "customer"]) for m in life.moments]


@pytest.mark.parametrize(
    ("preset", "scenario", "expected"),
    [
        # S2:32: Pendente 7 days, Validação Cliente, 5 days without interaction, Fechado
        ("totvs", "silent", [(0, "customer", "aberto", ["N1"]), (0, "agent", "pendente", ["N7"]),
                             (7, "time", "validacao", ["N9"]), (12, "time", "fechado", ["N12"])]),
        # S2:34: Resolvido 5 days, then Fechado and the survey
        ("totvs", "answers", [(0, "customer", "aberto", ["N1"]), (0, "agent", "pendente", ["N7"]),
                              (2, "customer", "aberto", []), (2, "agent", "resolvido", ["N10"]),
                              (7, "time", "fechado", ["N12"])]),
        # S4:53: an answer to Resolvido is Reaberto; S4 names no time that closes
        ("centrium", "reopens", [(0, "customer", "aberto", ["N1"]), (0, "agent", "resolvido", ["N10"]),
                                 (1, "customer", "reaberto", ["N11"]), (1, "agent", "resolvido", ["N10"])]),
        # S3:91: the reminder to answer, twice
        ("provedor", "silent", [(0, "customer", "aberto", ["N1"]), (0, "agent", "respondido", ["N5"]),
                                (2, "time", "respondido", ["N8"]), (4, "time", "respondido", ["N8"])]),
        # S1: no time is promised
        ("negotti", "silent", [(0, "customer", "novo", ["N1"]), (0, "agent", "pendente", ["N7"])]),
    ],
)  # fmt: skip
def test_the_days_of_a_life(preset: str, scenario: str, expected: list[tuple[int, str, str, list[str]]]) -> None:
    assert days(live(scenario, "pt-BR", preset)) == expected


def test_the_same_life_twice_and_in_the_readers_language() -> None:
    one, two = live("thanks", "es", "zetti"), live("thanks", "es", "zetti")
    assert days(one) == days(two)
    told = one.moments[0].mails[0]
    assert "Hola" in told.text
    assert one.moments[0].label == "En espera de soporte"


def test_the_page_shows_each_mail_as_it_is_and_runs_nothing() -> None:
    life = live("reopens", "pt-BR", "centrium")
    page = storyboard.page(life)
    frames = re.findall(r'<iframe sandbox loading="lazy" title="[^"]*" srcdoc="([^"]*)">', page)
    assert [unescape(one) for one in frames] == [mail.html for m in life.moments for mail in m.mails]
    assert "<script" not in page
    assert page.count("<li>") == len(life.moments)


def test_the_command_prints_writes_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "life.html"
    assert outcome(["timeline", "--preset", "totvs", "--json", "--html", str(file)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["day"], one["status"]) for one in lines][-1] == (12, "fechado")
    assert "Como não houve novas interações" in " ".join(lines[-1]["mails"][0]["text"].split())
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert outcome(["timeline", "--preset", "totvs", "--customer", "angry"]) == 65
    assert outcome(["timeline", "--preset", "osticket"]) == 65


def test_each_scenario_begins_with_the_customer() -> None:
    assert all(lines[0].who == "customer" for lines in SCENARIOS.values())
