"""Contacts and organisations as rows, agents in mailgate.yaml, passwords in the users file."""

from __future__ import annotations

import asyncio
import stat

import pytest

from mailgate.ingest.submission import check_password
from tests.unit.cli.conftest import BRUNO, Shell


def test_contacts_and_their_organisation(shell: Shell) -> None:
    assert shell("contact", "add", "ana@cliente.test", "--name", "Ana Souza").code == 0
    assert shell("contact", "add", "rui@outro.test", "--language", "es").code == 0
    ran = shell("organisation", "add", "Cliente Ltda", "--domain", "@Cliente.test", "--domain", "cliente.com", "--json")
    assert ran.value == {"name": "Cliente Ltda", "domains": ["cliente.test", "cliente.com"], "contacts": 1}
    assert shell("contact", "add", "leo@cliente.com", "--role", "manager").code == 0
    assert shell("contact", "add", "eva@livre.test", "--organisation", "cliente ltda").code == 0
    found = {v["address"]: v for v in shell("contact", "list", "--json").values}
    assert {a: v["organisation"] for a, v in found.items()} == {
        "ana@cliente.test": "Cliente Ltda", "eva@livre.test": "Cliente Ltda", "leo@cliente.com": "Cliente Ltda",
        "rui@outro.test": None,
    }  # fmt: skip
    assert found["leo@cliente.com"]["role"] == "manager"
    members = shell("organisation", "show", "Cliente Ltda", "--json").value["contacts"]
    assert members == ["ana@cliente.test", "eva@livre.test", "leo@cliente.com"]
    assert [v["name"] for v in shell("organisation", "list", "--json").values] == ["Cliente Ltda"]


def test_a_contact_with_his_tickets(shell: Shell) -> None:
    key = shell.open_ticket()
    shell.open_ticket(contact="mariana@cliente.test")
    assert shell("contact", "show", "ana@cliente.test", "--json").value["tickets"] == [{"key": key, "status": "aberto"}]
    assert key in shell("contact", "show", "ana@cliente.test").out


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["contact", "add", "ana@cliente.test"], 65),
        (["contact", "add", BRUNO], 65),
        (["contact", "add", "Ana"], 65),
        (["contact", "add", "x@y.test", "--organisation", "Nenhuma"], 65),
        (["contact", "show", "x@y.test"], 65),
        (["contact", "add", "x@y.test", "--language", "fr"], 64),
        (["organisation", "add", "cliente"], 65),
        (["organisation", "add", "Outro", "--domain", "cliente.test"], 65),
        (["organisation", "add", "Outro", "--domain", "a b"], 65),
        (["organisation", "add", " "], 64),
        (["organisation", "show", "Nenhuma"], 65),
        (["agent", "show", "x@y.test"], 65),
        (["agent", "add", BRUNO, "--name", "B"], 65),
        (["agent", "add", "suporte@example.test", "--name", "S"], 78),
        (["agent", "password", "x@y.test"], 65),
    ],
)
def test_what_does_not_fit(shell: Shell, command: list[str], code: int) -> None:
    shell("contact", "add", "ana@cliente.test")
    shell("organisation", "add", "Cliente", "--domain", "cliente.test")
    before = shell.file.read_bytes()
    assert shell(*command, stdin="um segredo").code == code
    assert shell.file.read_bytes() == before
    assert len(shell("contact", "list", "--json").values) == 1


class TestAgentAdd:
    """One more agent, and every other byte of mailgate.yaml as it was."""

    LINE = "  - {name: 'Zé: #1', address: ze@example.test, departments: [suporte, vendas], role: manager}\n"

    def add(self, shell: Shell) -> None:
        ran = shell(
            "agent", "add", "ze@Example.test", "--name", "Zé: #1", "--department", "suporte", "--department", "vendas",
            "--role", "manager",
        )  # fmt: skip
        assert ran.code == 0, ran.err

    def test_in_the_file_that_init_wrote(self, shell: Shell) -> None:
        before = shell.file.read_text(encoding="utf-8")
        mode = shell.file.stat().st_mode
        self.add(shell)
        bruno = next(line for line in before.splitlines(keepends=True) if BRUNO in line)
        assert shell.file.read_text(encoding="utf-8") == before.replace(bruno, bruno + self.LINE)
        assert shell.file.stat().st_mode == mode
        assert [v["address"] for v in shell("agent", "list", "--json").values] == [BRUNO, "ze@example.test"]
        assert shell("check").code == 0
        assert sorted(p.name for p in shell.folder.iterdir()) == ["data", "mailgate.yaml"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("agents: []\n", "agents: [{new}]\n"),
            ("agents: [{name: B, address: b@x.test}]  # us\n", "agents: [{name: B, address: b@x.test}, {new}]  # us\n"),
            ("agents:\n# nobody\n", "agents:\n  - {new}\n# nobody\n"),
            ("# the end", "# the end\n\nagents:\n  - {new}\n"),
            (
                "agents:\n- name: B\n  address: b@x.test\n  # quiet\n\n# next\nguests: yes\n",
                "agents:\n- name: B\n  address: b@x.test\n- {new}\n  # quiet\n\n# next\nguests: yes\n",
            ),
            ("agents:\n- name: B\n  address: b@x.test", "agents:\n- name: B\n  address: b@x.test\n- {new}\n"),
        ],
    )
    def test_however_it_is_written(self, shell: Shell, before: str, after: str) -> None:
        head = "addresses: [{address: suporte@example.test}]\n"
        shell.file.write_text(head + before)
        self.add(shell)
        new = self.LINE.strip().removeprefix("- ")
        assert shell.file.read_text(encoding="utf-8") == head + after.replace("{new}", new)

    def test_a_broken_file_is_left_alone(self, shell: Shell) -> None:
        shell.change("guests: yes", "guests: maybe")
        before = shell.file.read_bytes()
        assert shell("agent", "add", "ze@example.test", "--name", "Zé").code == 78
        assert shell.file.read_bytes() == before

    def test_a_link_stays_a_link(self, shell: Shell) -> None:
        real = shell.folder.parent / "real.yaml"
        shell.file.rename(real)
        shell.file.symlink_to(real)
        self.add(shell)
        assert shell.file.is_symlink()
        assert "ze@example.test" in real.read_text(encoding="utf-8")


def test_a_password_that_lets_in(shell: Shell) -> None:
    users = shell.folder / "users"
    users.write_text("# agents\nother@example.test:{PLAIN}abc\nBRUNO@example.test:old\n")
    users.chmod(0o644)
    assert shell("agent", "password", BRUNO, stdin="correto cavalo\nnot this").code == 0
    lines = users.read_text().splitlines()
    assert lines[:2] == ["# agents", "other@example.test:{PLAIN}abc"]
    assert len(lines) == 3
    assert "correto" not in lines[2]
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    check = check_password(users)
    assert asyncio.run(check(BRUNO, "correto cavalo")) == BRUNO
    assert asyncio.run(check(BRUNO, "old")) is None


@pytest.mark.parametrize(("password", "code"), [("", 64), ("curta", 65)])
def test_a_password_that_is_none(shell: Shell, password: str, code: int) -> None:
    assert shell("agent", "password", BRUNO, "--users-file", str(shell.folder / "u"), stdin=password).code == code
    assert not (shell.folder / "u").exists()


def test_an_agent_with_his_work(shell: Shell) -> None:
    key, done = shell.open_ticket(), shell.open_ticket()
    shell("ticket", "set", done, "--agent", BRUNO, "--status", "resolvido")
    found = shell("agent", "show", BRUNO, "--json").value
    assert found["tickets"] == [{"key": key, "status": "aberto"}]
    assert not found["can_log_in"]
    assert key in shell("agent", "show", BRUNO).out
