"""The agent at a terminal: what he says is in the ticket, what he may not is refused, what is shown is safe to show."""

from __future__ import annotations

import hashlib

import pytest

from tests.unit.cli.conftest import BRUNO, Shell

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


def show(shell: Shell, key: str) -> dict:  # type: ignore[type-arg]
    return shell("ticket", "show", key, "--json").value


def test_opened_after_a_call(shell: Shell) -> None:
    key = shell.open_ticket(channel="phone", text="Ligou às 10h", contact="Ana@CLIENTE.test")
    ticket = show(shell, key)
    assert ticket["channel"] == "phone"
    assert ticket["requester"] == "Ana@cliente.test"
    assert ticket["agent"] == BRUNO
    assert [c["text"] for c in ticket["comments"]] == ["Ligou às 10h"]
    assert [(n["notice"], n["recipient"]) for n in ticket["notices"]] == [("N2", "Ana@cliente.test")]


def test_answer_with_status_and_files(shell: Shell) -> None:
    key = shell.open_ticket()
    picture = shell.folder / "..tela?.txt"
    picture.write_bytes(PNG)
    ran = shell(
        "ticket", "reply", key.lower(), "--agent", BRUNO, "--text", "-", "--status", "com cliente",
        "--attach", str(picture), "--json", stdin="Olá,\r\nveja a tela.\n\n",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.value == {"key": key, "status": "com_cliente", "notices": 1}
    said = show(shell, key)["comments"][-1]
    assert said["text"] == "Olá,\nveja a tela."
    (file,) = said["attachments"]
    assert (file["filename"], file["content_type"]) == ("tela.txt", "image/png")
    digest = hashlib.sha256(PNG).hexdigest()
    assert file["sha256"] == digest
    assert (shell.folder / "data/blobs" / digest[:2] / digest[2:]).read_bytes() == PNG


def test_a_note_goes_to_nobody(shell: Shell) -> None:
    key = shell.open_ticket()
    before = len(show(shell, key)["notices"])
    assert shell("ticket", "note", key, "--agent", BRUNO, "--text", "cliente nervoso").code == 0
    after = show(shell, key)
    assert after["comments"][-1]["kind"] == "note"
    assert len(after["notices"]) == before
    assert "[note]" in shell("ticket", "show", key).out


def test_assign_and_set(shell: Shell) -> None:
    shell.change(
        "agents:\n",
        "agents:\n  - {name: Carla, address: carla@example.test, departments: [suporte], role: agent}\n",
    )
    key = shell.open_ticket()
    assert shell("ticket", "assign", key, "--agent", BRUNO, "--to", "carla@example.test").code == 0
    assert show(shell, key)["agent"] == "carla@example.test"
    assert shell("ticket", "assign", key, "--agent", BRUNO).code == 0
    assert show(shell, key)["agent"] == BRUNO
    assert shell("ticket", "assign", key, "--agent", BRUNO, "--to", "eva@mal.test").code == 65
    assert shell("ticket", "set", key, "--agent", BRUNO, "--status", "Resolvido").code == 0
    assert show(shell, key)["category"] == "solved"


TOPIC = """topics:
  duvida: {label: {pt-BR: Dúvida}}
  solicitacao_de_melhoria: {label: {pt-BR: Melhoria}}
  parada_do_sistema: {label: {pt-BR: Parada do Sistema}, fields: [
    {key: versao, label: {pt-BR: Versão}, kind: choice, choices: ["8.1", "8.2"]}]}
default: duvida
"""


def test_opened_with_what_is_known(shell: Shell) -> None:
    """What a person names beats what a rule would set."""
    rule = "rules:\n- {name: r, when: ticket_opened, then: {priority: low, tags: [novo]}}\n"
    (shell.folder / "rules.yaml").write_text(rule)
    (shell.folder / "topics.yaml").write_text(TOPIC)
    ran = shell(
        "ticket", "open", "--agent", BRUNO, "--contact", "ana@cliente.test", "--subject", "Nota", "--text", "x",
        "--priority", "Alta", "--topic", "parada do sistema", "--department", "suporte",
    )  # fmt: skip
    ticket = show(shell, ran.out.strip())
    assert (ticket["priority"], ticket["topic"], ticket["department"]) == ("high", "parada_do_sistema", "suporte")
    assert ticket["tags"] == ["novo"]


def test_several_things_at_once_or_none(shell: Shell) -> None:
    (shell.folder / "topics.yaml").write_text(TOPIC)
    key = shell.open_ticket()
    everything = (
        "--priority", "urgente", "--topic", "Parada do Sistema", "--department", "suporte", "--due", "2bd", "--tag",
        "fiscal", "--tag", "nota", "--field", "versao=8.2", "--status", "Com cliente", "--to", "nobody",
    )  # fmt: skip
    assert shell("ticket", "set", key, "--agent", BRUNO, *everything).code == 0
    ticket = show(shell, key)
    assert (ticket["priority"], ticket["topic"], ticket["tags"]) == ("urgent", "parada_do_sistema", ["fiscal", "nota"])
    assert (ticket["fields"], ticket["status"], ticket["agent"]) == ({"versao": "8.2"}, "com_cliente", None)
    assert ticket["due_at"]
    assert shell("ticket", "set", key, "--agent", BRUNO, "--due", "none", "--to", "Bruno").code == 0
    assert (show(shell, key)["due_at"], show(shell, key)["agent"]) == (None, BRUNO)


def test_what_cannot_be_set_changes_nothing(shell: Shell) -> None:
    (shell.folder / "topics.yaml").write_text(TOPIC)
    key = shell.open_ticket()
    before = show(shell, key)
    stop = ("--topic", "parada do sistema")
    for arguments, code, hint in (
        (("--priority", "altta"), 65, "did you mean `alta`"),
        (("--topic", "parrada do sistema"), 65, "did you mean `Parada do Sistema`"),
        (("--department", "suport"), 65, "did you mean `suporte`"),
        (("--status", "resolvidoo"), 65, "did you mean `resolvido`"),
        (("--to", "bruna@example.test"), 65, "did you mean `bruno@example.test`"),
        (("--due", "ontem"), 65, "is no time to come"),
        ((*stop, "--field", "versaao=8.2"), 65, "did you mean `versao`"),
        ((*stop, "--field", "versao=9"), 65, "it can be 8.1, 8.2"),
        (("--field", "versao"), 65, "write it like"),
        (("--priority", "alta", "--topic", "nada"), 65, "there are duvida, solicitacao_de_melhoria"),
        (("--tag", " "), 65, "is no tag"),
        ((), 64, "nothing to set"),
    ):
        ran = shell("ticket", "set", key, "--agent", BRUNO, *arguments)
        assert (ran.code, hint in ran.err) == (code, True), (arguments, ran.err)
    assert show(shell, key) == before
    assert shell("ticket", "set", key, "--agent", "ana@cliente.test", "--priority", "alta").code == 77
    assert shell("ticket", "set", "SUP-99", "--agent", BRUNO, "--priority", "alta").code == 65
    assert show(shell, key) == before


def test_who_follows(shell: Shell) -> None:
    key = shell.open_ticket()

    def add(address: str, *more: str) -> int:
        return shell("ticket", "participant", "add", key, address, "--agent", BRUNO, *more).code

    assert add("maria@cliente.test", "--follower") == 0
    (maria,) = show(shell, key)["participants"]
    assert (maria["address"], maria["contributes"]) == ("maria@cliente.test", False)
    assert "maria@cliente.test (follower)" in shell("ticket", "show", key).out
    assert add("maria@cliente.test") == 0
    assert show(shell, key)["participants"][0]["contributes"] is True
    assert [n["notice"] for n in show(shell, key)["notices"] if n["recipient"] == "maria@cliente.test"] == ["N15"] * 2
    assert [add("maria"), add(BRUNO), add("suporte@example.test")] == [65, 65, 65]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["SUP-99", "--agent", BRUNO, "--text", "x"], 65),
        (["SUP-1", "--agent", BRUNO, "--text", "x", "--status", "voando"], 65),
        (["SUP-1", "--agent", "ana@cliente.test", "--text", "x"], 77),
        (["SUP-1", "--agent", BRUNO, "--text", "  "], 64),
        (["SUP-1", "--agent", BRUNO], 64),
        (["SUP-1", "--agent", BRUNO, "--text", "x", "--attach", "/nowhere"], 66),
    ],
)
def test_what_is_refused_changes_nothing(shell: Shell, arguments: list[str], code: int) -> None:
    key = shell.open_ticket()
    before = show(shell, key)
    ran = shell("ticket", "reply", *arguments)
    assert ran.code == code
    assert len(ran.err.splitlines()) in (1, 4)  # one sentence, or how to write it
    assert show(shell, key) == before


@pytest.mark.parametrize("contact", ["nobody", "a b@c.test", "ana@cliente.test, eva@mal.test", "@x.test", "a@"])
def test_a_contact_must_be_one_address(shell: Shell, contact: str) -> None:
    ran = shell("ticket", "open", "--agent", BRUNO, "--contact", contact, "--subject", "x", "--text", "x")
    assert ran.code == 65


def test_bytes_that_are_no_text(shell: Shell) -> None:
    key = shell.open_ticket(subject="a\x00b\udcff\nBcc: eva@mal.test")
    assert shell("ticket", "reply", key, "--agent", BRUNO, "--text", "-", stdin=b"\xff\xfe\x00 sim").code == 0
    ticket = show(shell, key)
    assert "\n" not in ticket["subject"]
    assert ticket["comments"][-1]["text"].endswith("sim")


def test_text_beyond_the_limit(shell: Shell) -> None:
    key = shell.open_ticket()
    shell.change("# limits:", "limits: {text_bytes: 1KiB}\n#")
    assert shell("ticket", "reply", key, "--agent", BRUNO, "--text", "-", stdin="x" * 1025).code == 65


def test_the_list(shell: Shell) -> None:
    first, second = shell.open_ticket(subject="Nota"), shell.open_ticket(subject="Boleto", contact="leo@outro.test")
    shell("ticket", "set", first, "--agent", BRUNO, "--status", "resolvido")

    def listed(*options: str) -> list[str]:
        return [v["key"] for v in shell("ticket", "list", "--json", *options).values]

    assert listed() == [first, second]
    assert listed("--status", "Resolvido") == [first]
    assert listed("--status", "aberto", "--status", "Resolvido") == [first, second]
    assert listed("--words", "outro.test") == [second]
    assert listed("--words", "%") == []
    assert listed("--agent", BRUNO, "--limit", "1") == [first]
    assert shell("ticket", "list", "--status", "voando").code == 65
    assert shell("ticket", "list", "--agent", "eva@mal.test").code == 65


def test_what_is_shown_commands_no_terminal(shell: Shell) -> None:
    key = shell.open_ticket(subject="\x1b[31m[bold]x[/nope] \u202eevil", text="\x1b]0;title\x07 [red]y")
    for ran in (shell("ticket", "show", key, "--events"), shell("ticket", "list")):
        assert ran.code == 0
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out
        assert "[bold]x[/nope]" in ran.out


def test_the_agent_may_come_from_the_environment(shell: Shell) -> None:
    key = shell.open_ticket()
    shell.monkeypatch.setenv("MAILGATE_AGENT", BRUNO)
    assert shell("ticket", "note", key, "--text", "x").code == 0
