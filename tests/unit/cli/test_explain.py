"""Why a mail became what it became: told from its record, and never different from what happens."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mailgate.decide import decide
from mailgate.i18n import Translations, Translator
from mailgate.notify import phrases, plan
from mailgate.people.visibility import Standing, may_comment
from mailgate.resources import data_folder
from tests.unit.cli.conftest import BRUNO, Shell


def test_a_stranger_who_names_a_ticket(shell: Shell) -> None:
    key = shell.open_ticket()
    ident = shell.take_in(shell.mail(f"Re: Nota [{key}]", sender="eva@mal.test"), sender="eva@mal.test")
    for name in (ident, "m1@cliente.test", "<m1@cliente.test>", "SUP-2", "sup-2"):
        said = shell("explain", name)
        assert said.code == 0
        assert f"Não foi {key} (o número no assunto)" in said.out
        assert f"Diz pertencer a {key}, sem prova" in said.out
        assert "Não comprovado" in said.out
        assert f"N19 para {BRUNO}" in said.out
    record = shell("explain", "SUP-2", "--json").value["record"]
    assert record["decision"]["thread"]["claims"] == key


def test_in_the_companys_language(shell: Shell) -> None:
    shell.take_in(shell.mail())
    shell.change("locale: pt-BR", "locale: en")
    said = shell("explain", "SUP-1").out
    assert said.startswith("opened the ticket SUP-1")
    assert "Who wrote" in said
    shell.change("locale: en", "locale: es")
    assert "Quién escribió" in shell("explain", "SUP-1").out


def test_each_rule_with_the_condition_that_failed(shell: Shell) -> None:
    (shell.folder / "rules.yaml").write_text(
        "rules:\n"
        "- {name: urgente, when: ticket_opened, if: {subject: {contains: parou}}, then: {priority: urgent}}\n"
        "- {name: fiscal, when: ticket_opened, if: {subject: {contains: nota}}, then: {tags: [fiscal]}}\n"
    )
    shell.take_in(shell.mail("Nota fiscal"))
    said = shell("explain", "SUP-1").out
    assert "– urgente (ao abrir um ticket): não valeu; faltou: o assunto conter parou" in said
    assert "✓ fiscal (ao abrir um ticket): valeu; tags fiscal" in said
    assert "define etiquetas: fiscal (por: regra fiscal)" in said


def test_notices_that_were_not_sent(shell: Shell) -> None:
    shell.take_in(shell.mail(), sender="")
    assert "N1 para ana@cliente.test: não enviado (e-mail automático: null sender)" in shell("explain", "SUP-1").out


def test_mails_without_a_decision(shell: Shell) -> None:
    raw = shell.mail()
    first = shell.take_in(raw)
    again = shell.take_in(raw)
    ran = shell("explain", again)
    assert f"É o mesmo que {first}" in ran.out
    waiting = shell("ingest", stdin=shell.mail()).out.strip()
    assert "ainda não foi decidido" in shell("explain", waiting).out


def test_what_there_is_not(shell: Shell) -> None:
    for name in ("SUP-99", "x@y.test", "ffff", "nonsense", "", "-1"):
        assert shell("explain", "--", name).code == 65


class TestFile:
    """What would become of a file: everything is gone through, and nothing is kept."""

    def rows(self, shell: Shell) -> tuple[Any, ...]:
        blobs = sorted(p.name for p in (shell.folder / "data").rglob("*") if p.is_file() and "blobs" in str(p))
        return shell("export").out, shell("outbox", "list", "--json").out, shell("contact", "list", "--json").out, blobs

    def test_says_what_then_happens(self, shell: Shell, tmp_path: Path) -> None:
        key = shell.open_ticket()
        mails = {
            "new": shell.mail(),
            "claims": shell.mail(f"[{key}]", sender="eva@mal.test"),
            "ours": shell.mail(f"Re: [{key}]"),
        }
        for name, raw in mails.items():
            (tmp_path / name).write_bytes(raw)
        before = self.rows(shell)
        told = {name: shell("explain", str(tmp_path / name), "--json").value for name in mails}
        assert self.rows(shell) == before
        for name, raw in mails.items():
            sender = "eva@mal.test" if name == "claims" else "ana@cliente.test"
            found = shell("explain", shell.take_in(raw, sender), "--json").value
            assert (found["outcome"], found["reason"]) == (told[name]["outcome"], told[name]["reason"])
            assert found["record"]["notices"] == told[name]["record"]["notices"]
            assert found["record"]["decision"]["actions"] == told[name]["record"]["decision"]["actions"]

    def test_with_files_in_it(self, shell: Shell, tmp_path: Path) -> None:
        lines = shell.mail().replace(
            b"Content-Type: text/plain; charset=utf-8", b'Content-Type: application/pdf; name="a.pdf"'
        )
        (tmp_path / "a.eml").write_bytes(lines)
        before = self.rows(shell)
        assert shell("explain", str(tmp_path / "a.eml")).out.startswith("Agora seria: abriu o ticket SUP-1")
        assert self.rows(shell) == before

    def test_refused_at_the_door(self, shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(shell.mail())
        ran = shell("explain", str(tmp_path / "a.eml"), "--rcpt", "outro@example.test")
        assert ran.code == 0
        assert "recusado já na porta" in ran.out

    def test_that_came_already(self, shell: Shell, tmp_path: Path) -> None:
        raw = shell.mail()
        ident = shell.take_in(raw)
        (tmp_path / "a.eml").write_bytes(raw)
        assert f"É o mesmo que {ident}" in shell("explain", str(tmp_path / "a.eml")).out

    @pytest.mark.parametrize("content", [b"", b"\0\xff" * 100, b"From: x\n\n"])
    def test_any_bytes(self, shell: Shell, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.eml").write_bytes(content)
        assert shell("explain", str(tmp_path / "a.eml")).code == 0


def test_there_are_words_for_every_action_and_outcome() -> None:
    import typing

    from mailgate.decide.decision import Action
    from mailgate.notify.explained import _CAPITAL
    from store.vocabulary import HeldReason, Outcome, Road, Role

    texts = YAML(typ="safe").load((data_folder("templates") / "translations/pt-BR.yaml").read_text(encoding="utf-8"))
    names = {_CAPITAL.sub("_", kind.__name__).lower() for kind in typing.get_args(Action)} | {"add_note"}
    wanted = {f"action.{name}" for name in names}
    wanted |= {f"outcome.{word}" for word in Outcome} | {f"reason.{word}" for word in HeldReason}
    wanted |= {f"road.{word}" for word in Road} | {f"role.{word}" for word in Role}
    assert sorted(wanted - {key.removeprefix("command.explain.") for key in texts}) == []


def _sentences(argument: ast.AST) -> list[str]:
    """The sentences that an argument may be, with 7 for what is filled in."""
    if isinstance(argument, ast.BoolOp):
        return [text for one in argument.values for text in _sentences(one)]
    if isinstance(argument, ast.JoinedStr):
        return ["".join(p.value if isinstance(p, ast.Constant) else "7" for p in argument.values)]
    return [argument.value] if isinstance(argument, ast.Constant) else []


class TestReasons:
    """The sentences of `decide` and `plan` in other languages; a new one there must be put in words here."""

    @pytest.fixture
    def speaker(self) -> Translator:
        return Translations.load(data_folder("templates") / "translations").translator("pt-BR")

    def test_of_every_notice(self, speaker: Translator) -> None:
        source = ast.parse((Path(plan.__file__)).read_text(encoding="utf-8"))
        calls = [n for n in ast.walk(source) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Plan"]
        said = [c.args[2].value for c in calls if isinstance(c.args[2], ast.Constant)]
        assert len(said) > 8
        assert [text for text in said if phrases.reason(speaker, str(text)) == text] == []

    def test_of_who_may_comment(self, speaker: Translator) -> None:
        for flags in itertools.product((True, False), repeat=7):
            _, why = may_comment(Standing(*flags[:5]), verified=flags[5], proof_needed=flags[6])
            assert phrases.reason(speaker, f"the author {why}") == f"quem escreveu {phrases.reason(speaker, why)}"
            assert phrases.reason(speaker, why) != why

    @pytest.mark.parametrize("language", ["pt-BR", "en", "es"])
    def test_each_can_be_said_with_what_it_carries(self, language: str) -> None:
        """A text may name no more than its sentence brings: it would break the page that shows it."""
        speaker = Translations.load(data_folder("templates") / "translations").translator(language)
        for key, pattern in phrases._KNOWN:
            assert speaker.t(f"command.explain.why.{key}", **dict.fromkeys(pattern.groupindex, "x"))

    def test_of_every_mail_that_is_held(self, speaker: Translator) -> None:
        """What `decide` says when it holds a mail, but for a rule's own words and what the mail's kind says."""
        said: list[str] = []
        for path in sorted(Path(decide.__file__).parent.glob("*.py")):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = getattr(getattr(call, "func", None), "id", "")
                if name == "held" or (name == "decision_of" and "Outcome.HELD" in ast.unparse(call)):
                    said += _sentences(call.args[3])  # type: ignore[attr-defined]
        assert len(said) > 8
        assert [text for text in said if phrases.reason(speaker, text) == text] == []

    def test_what_is_not_known_stays_as_it_is(self, speaker: Translator) -> None:
        assert phrases.reason(speaker, "SPF {x} %s [b]") == "SPF {x} %s [b]"
        named = "the key in the subject (SUP-1) names SUP-1; the author is the requester; it is closed"
        assert phrases.reason(speaker, named) == "aponta para SUP-1, que está encerrado; quem escreveu é o solicitante"
