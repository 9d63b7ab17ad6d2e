"""Other rules tried out from the terminal, as docs/rules.md tells it."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shell

RULE = """
  - name: hospital-urgente
    when: ticket_opened
    if:
      sender_domain: hospital.br
      subject: {contains: urgente}
    then:
      department: financeiro-fiscal
      priority: high
      due: 4h
      notify: managers
"""


def new_rules(shell: Shell, tmp_path: Path, rule: str = RULE) -> Path:
    """A folder with what is tried out: the preset's rules and one more, and the department that it names."""
    folder = tmp_path / "new"
    folder.mkdir()
    root = Path(__file__).parents[3] / "config/presets/centrium"
    (folder / "rules.yaml").write_text((root / "rules.yaml").read_text() + rule)
    departments = (root / "departments.yaml").read_text()
    (folder / "departments.yaml").write_text(departments + "  financeiro-fiscal: {label: Financeiro-Fiscal}\n")
    return folder


def test_one_mail_under_other_rules(shell: Shell, tmp_path: Path) -> None:
    folder = new_rules(shell, tmp_path)
    (tmp_path / "a.eml").write_bytes(shell.mail("URGENTE: boleto", sender="ana@hospital.br"))
    ran = shell("rules", "test", str(tmp_path / "a.eml"), "--config", str(folder))
    assert ran.code == 0, ran.err
    assert "✓ hospital-urgente (ao abrir um ticket): valeu" in ran.out
    assert "O que seria diferente de agora" in ran.out
    assert "+ define setor: financeiro-fiscal (por: regra hospital-urgente)" in ran.out
    same = shell("rules", "test", str(tmp_path / "a.eml"), "--config", str(shell.folder), "--json").value
    assert same["differences"] == []
    assert shell("ticket", "list", "--json").out == ""


def test_the_last_week_under_other_rules(shell: Shell, tmp_path: Path) -> None:
    folder = new_rules(shell, tmp_path)
    shell.take_in(shell.mail("Urgente: boleto", sender="ana@hospital.br"), "ana@hospital.br")
    shell.take_in(shell.mail("Nota"))
    ran = shell("rules", "replay", "--since", "7d", "--config", str(folder))
    assert ran.code == 0, ran.err
    assert "2 e-mails e 0 outros acontecimentos" in ran.out
    assert "SUP-1: setor suporte → financeiro-fiscal" in ran.out
    assert "SUP-1: prioridade normal → high" in ran.out
    assert "SUP-2" not in ran.out
    assert "Nada seria diferente." in shell("rules", "replay", "--config", str(shell.folder)).out
    assert shell("rules", "replay", "--since", "7d", "--json").value["same"] is True


def test_a_long_replay_shows_a_bar_on_a_terminal_and_only_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error: what goes into a file or another program is the answer and nothing else."""
    shell.take_in(shell.mail("Nota"))
    piped = shell("rules", "replay", "--config", str(shell.folder))
    assert (piped.err, "Nada seria diferente." in piped.out) == ("", True)
    monkeypatch.setenv("TERM", "xterm")
    shown, answer = _on_a_terminal(shell, monkeypatch, "rules", "replay", "--config", str(shell.folder))
    assert "100%" in shown
    assert "━" in shown
    assert answer == piped.out
    shown, answer = _on_a_terminal(shell, monkeypatch, "rules", "replay", "--config", str(shell.folder), "--json")
    assert (shown, answer.count("\n")) == ("", 1)


def _on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, str]:
    """What a person sees of a command's standard error on a terminal, and what stands on standard output."""
    ours, theirs = pty.openpty()
    with monkeypatch.context() as there, os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        assert terminal.isatty()
        there.setattr(sys, "stderr", terminal)
        ran = shell(*arguments)
        assert ran.code == 0
        terminal.flush()
        os.set_blocking(ours, False)
        seen = b""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(ours, 65536):
                seen += part
    os.close(ours)
    return seen.decode(), ran.out


def test_mistakes_in_what_is_tried_out(shell: Shell, tmp_path: Path) -> None:
    folder = new_rules(shell, tmp_path, RULE.replace("priority: high", "priority: hihg"))
    ran = shell("rules", "replay", "--config", str(folder))
    assert (ran.code, "did you mean `high`?" in ran.err) == (78, True)
    assert "rules.yaml:" in ran.err
    assert shell("rules", "replay", "--config", str(tmp_path / "none")).code == 78
    assert shell("rules", "replay", "--since", "nonsense").code == 65
    assert shell("rules", "test", str(tmp_path / "none.eml")).code == 65


def test_what_if(shell: Shell) -> None:
    key = shell.open_ticket()
    shell.take_in(shell.mail(f"Re: [{key}]"))
    said = shell("explain", "m1@cliente.test", "--what-if", "sender=eva@mal.test", "--lang", "en")
    assert said.code == 0, said.err
    assert said.out.startswith("If it were so: sender=eva@mal.test")
    assert "It would be: opened the ticket" in said.out
    solved = shell("explain", "m1@cliente.test", "--what-if", "status=Resolvido").out
    assert "✓ reabrir-ao-responder (quando o cliente escreve): valeu; set_status reaberto" in solved
    assert "O que ficou marcado para depois" in solved
    wrong = shell("explain", "m1@cliente.test", "--what-if", "stauts=x")
    assert (wrong.code, "did you mean `status`?" in wrong.err) == (65, True)


def test_a_ticket_is_explained_with_what_happened_without_mail(shell: Shell) -> None:
    key = shell.open_ticket()
    assert "Uma pessoa, sem e-mail: abriu o ticket SUP-1" in shell("explain", key).out


def test_copies_what_is_in_force_and_overwrites_nothing(bare: Shell) -> None:
    (bare.folder / "sla.yaml").write_text("due_soon: 3h\n")
    new = bare.folder.parent / "new"
    assert bare("rules", "copy", str(new), "rules", "sla.yaml").code == 0
    assert (new / "sla.yaml").read_text() == "due_soon: 3h\n", "the company's own file"
    first, *rest = (new / "rules.yaml").read_text().splitlines()
    assert first.endswith("/schema/rules.json"), "an editor finds it from anywhere"
    assert "../" not in first
    assert "  - name: reabrir-ao-responder" in rest
    again = bare("rules", "copy", str(new), "rules")
    assert (again.code, "is there already" in again.err) == (65, True)
    other = bare("rules", "copy", str(bare.folder.parent / "other"), "ruls")
    assert (other.code, "did you mean `rules`?" in other.err) == (65, True)
