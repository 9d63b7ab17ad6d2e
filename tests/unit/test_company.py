"""The company's files together: presets that load whole, own files that replace one, and what both define."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.company import Company, load_company, read_company
from mailgate.errors import ConfigError
from mailgate.limit_settings import Limits
from mailgate.scaffold import preset_folder, presets
from scheduler.worktime import BusinessDays, holiday_check
from store.vocabulary import Notice


def company(folder: Path, preset: str = "centrium", *, departments: tuple[str, ...] = ()) -> Company:
    return load_company(folder, preset_folder(preset), timezone="America/Sao_Paulo", departments=departments)


def _not_yet(reason: str) -> bool:
    return "none is set up" in reason


@pytest.mark.parametrize("preset", presets())
def test_each_preset_loads_whole_and_is_warned_of_nothing_but_what_is_not_there_yet(
    preset: str, tmp_path: Path
) -> None:
    found, mistakes = read_company(tmp_path, preset_folder(preset), timezone="America/Sao_Paulo")
    assert [m for m in mistakes if not m.warning or not _not_yet(m.reason)] == []
    assert found is not None
    assert found.workflow.initial in found.workflow.states


def test_centrium_s_four_topics_and_what_they_ask_for(tmp_path: Path) -> None:
    topics = company(tmp_path).topics.topics
    labels = [topic.label["pt-BR"] for topic in topics.values()]
    assert labels == ["Dúvida", "Inconformidade", "Parada do Sistema", "Solicitação de Melhoria"]
    assert [key for key, topic in topics.items() if topic.attachment == "required"] == ["inconformidade"]
    assert all(set(topic.help) == {"pt-BR", "en", "es"} for topic in topics.values())
    assert company(tmp_path).topics.attachments.must_be_zipped == ("videos", "certificates")
    assert company(tmp_path, "totvs").topics.attachments.must_be_zipped == ()


def test_a_mistaken_kind_of_file_is_said_with_its_place(tmp_path: Path) -> None:
    own = tmp_path / "topics.yaml"
    own.write_text("topics: {}\nattachments:\n  denied: [programms]\n  must_be_zipped: .mp4\n  up_to: much\n")
    _, mistakes = read_company(tmp_path, preset_folder("centrium"), timezone="America/Sao_Paulo")
    assert [(m.line, m.column, m.reason.partition("; write")[0]) for m in mistakes] == [
        (3, 12, "`attachments.denied.0`: 'programms' is no kind of file"),
        (5, 10, "`attachments.up_to`: 'much' is not a size"),
    ]


def test_a_stopped_system_is_looked_at_within_the_hour(tmp_path: Path) -> None:
    sla = company(tmp_path).sla
    stopped = sla.target(topic="parada_do_sistema", priority="urgent")
    usual = sla.target(topic="duvida", priority="normal")
    wish = sla.target(topic="solicitacao_de_melhoria")
    assert stopped is not None
    assert usual is not None
    assert wish is not None
    assert (stopped.first_check, usual.first_check) == (timedelta(hours=1), timedelta(hours=8))
    assert wish.first_check == BusinessDays(3)
    # opened on the eve of Consciência Negra at 17:30 in São Paulo: due on Monday
    opened = datetime(2026, 11, 19, 20, 30, tzinfo=UTC)
    assert sla.calendar.add(opened, stopped.first_check) == datetime(2026, 11, 23, 11, 30, tzinfo=UTC)


def test_a_department_named_in_the_settings_is_there(tmp_path: Path) -> None:
    found = company(tmp_path, departments=("suporte", "pos-venda"))
    assert found.department_label("suporte", "en") == "Support"
    assert found.department_label("pos-venda", "en") == "Pos venda"
    assert found.department_label("gone", "en") == "gone"


def test_an_own_file_replaces_the_whole_file_of_the_preset(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    (tmp_path / "notices.yaml").write_text("notices: {N6: no}\n")
    found = company(tmp_path)
    assert found.rules.rules == ()
    assert (found.notices.sends(Notice.N6), found.notices.sends(Notice.N1)) == (False, True)
    assert found.topics.topics != {}


def test_a_rule_may_only_ask_for_what_the_workflow_has(tmp_path: Path) -> None:
    rule = "rules: [{name: r, when: timer, then: {set_status: %s}}]\n"
    (tmp_path / "rules.yaml").write_text(rule % "validacao")
    with pytest.raises(ConfigError, match="there is no status `validacao`"):
        company(tmp_path)
    assert company(tmp_path, "totvs").rules.rules[0].then.set_status == "validacao"


def test_an_agent_that_only_the_database_knows_is_a_doubt_not_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: r, when: timer, then: {agent: burno@x.test}}]\n")
    found, mistakes = read_company(tmp_path, preset_folder("centrium"), timezone="UTC", agents=["bruno@x.test"])
    assert found is not None
    doubts = [(m.warning, "did you mean `bruno@x.test`?" in m.reason) for m in mistakes if not _not_yet(m.reason)]
    assert doubts == [(True, True)]


def test_telling_who_leads_where_nobody_does_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: r, when: overdue, then: {notify: [managers, agents]}}]\n")
    workflow = (preset_folder("centrium") / "workflow.yaml").read_text().rstrip() + "\n"
    workflow += "  - {on: agent.set, from: fechado, to: aberto, do: [notify: admins]}\n"
    (tmp_path / "workflow.yaml").write_text(workflow)

    def said(*roles: str) -> list[str]:
        found, mistakes = read_company(tmp_path, preset_folder("centrium"), timezone="UTC", roles=roles)
        assert found is not None
        return [f"{Path(m.file).name}:{m.line}: {m.reason}" for m in mistakes if "tells nobody" in m.reason]

    lost, other = said("agent")
    assert lost == "rules.yaml:1: `notify: managers` tells nobody: no agent in mailgate.yaml has `role: manager`"
    assert "`notify: admins`" in other
    assert said("manager", "admin") == []


def test_the_bounds_on_yaml_are_settings(tmp_path: Path) -> None:
    limits = Limits.model_validate({"yaml_nodes": 20, "yaml_bytes": "off"})
    with pytest.raises(ConfigError, match="more than 20 values"):
        load_company(tmp_path, preset_folder("centrium"), timezone="UTC", limits=limits)


def test_holidays_are_right_for_everybody_who_asks_at_once() -> None:
    years = range(2000, 2040)
    expected = {year: holiday_check("BR")(date(year, 12, 25)) for year in years}
    assert all(expected.values())
    check, wrong = holiday_check("BR"), []

    def ask() -> None:
        wrong.extend(year for year in years if not check(date(year, 12, 25)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
