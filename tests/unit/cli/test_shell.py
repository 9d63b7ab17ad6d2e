"""The program as a shell and an MTA see it: exit codes, one sentence, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import BRUNO, Shell

MAILGATE = str(Path(sys.executable).parent / "mailgate")


def shell_out(*arguments: str, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [MAILGATE, *arguments], input=stdin, capture_output=True, env=os.environ | environ, timeout=60, check=False
    )
    assert b"Traceback" not in done.stderr
    return done


def test_words_that_are_no_command() -> None:
    done = shell_out("nope")
    assert done.returncode == 64
    assert b"nope" in done.stderr


def test_help_is_grouped() -> None:
    done = shell_out("--help")
    assert done.returncode == 0
    for words in ("Set up and run", "Mail", "Tickets and people", "organisation", "explain"):
        assert words in done.stdout.decode()


@pytest.mark.parametrize("command", [["ticket", "list"], ["check"], ["doctor"], ["held", "list"], ["explain", "x"]])
def test_no_configuration_is_78(command: list[str], tmp_path: Path) -> None:
    done = shell_out(*command, MAILGATE_CONFIG=str(tmp_path))
    assert done.returncode == 78
    assert b"mailgate init" in done.stderr


def test_a_day_of_an_agent(shell: Shell) -> None:
    key = shell.open_ticket()
    reply = ["ticket", "reply", key, "--agent", BRUNO, "--text", "-"]
    assert shell_out(*reply, "--status", "resolvido", stdin="É assim:\nclique.".encode()).returncode == 0
    assert shell_out(*reply, "--status", "voando", stdin=b"x").returncode == 65
    assert shell_out("ticket", "reply", "SUP-99", "--agent", BRUNO, "--text", "x").returncode == 65
    assert shell_out("ticket", "reply", key, "--agent", "eva@mal.test", "--text", "x").returncode == 77
    assert shell_out("ticket", "reply", key, "--text", "x").returncode == 64
    assert shell_out("ticket", "reply", key, "--agent", BRUNO, "--text", "x", "--attach", "/nao").returncode == 66


def test_another_who_writes_for_long_is_75(shell: Shell) -> None:
    import fcntl

    key = shell.open_ticket()
    with (shell.folder / "data/write.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shell_out("ticket", "reply", key, "--agent", BRUNO, "--text", "x")
    assert done.returncode == 75


class TestPipe:
    """`ingest` behind pipe(8): what is not certain is 75."""

    def test_done_and_refused(self, shell: Shell) -> None:
        mail = shell.mail()
        assert shell_out("ingest", "--rcpt", "suporte@example.test", stdin=mail).returncode == 0
        assert shell_out("ingest", "--rcpt", "outro@example.test", stdin=mail).returncode == 67
        assert shell_out("ingest", "--nope", stdin=mail).returncode == 64
        shell.change("# limits:", "limits: {message_bytes: 1KiB}\n#")
        assert shell_out("ingest", stdin=mail + b"x" * 2000).returncode == 65

    def test_no_configuration(self, tmp_path: Path) -> None:
        assert shell_out("ingest", stdin=b"x", MAILGATE_CONFIG=str(tmp_path)).returncode == 75

    def test_a_broken_configuration(self, shell: Shell) -> None:
        shell.file.write_text("adresses: [\n")
        assert shell_out("ingest", stdin=b"x").returncode == 75

    def test_a_mail_is_safe_even_while_the_key_is_missing(self, shell: Shell) -> None:
        """Taking a mail needs no key; `serve` says what is missing, and the mail waits in the journal."""
        (shell.folder / "data/keys/mac.key").unlink()
        assert shell_out("ingest", stdin=shell.mail()).returncode == 0

    def test_a_broken_database(self, shell: Shell) -> None:
        for file in (shell.folder / "data").glob("mailgate.sqlite*"):
            file.write_bytes(b"this is no database" * 100)
        assert shell_out("ingest", stdin=shell.mail()).returncode == 75

    def test_a_broken_installation(self, shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "typer").mkdir()
        (tmp_path / "typer/__init__.py").write_text("raise ImportError('half an upgrade')\n")
        done = shell_out("ingest", stdin=shell.mail(), PYTHONPATH=str(tmp_path))
        assert done.returncode == 75
        assert b"half an upgrade" in done.stderr

    def test_nobody_reads_the_id_of_a_mail_that_is_safe(self, shell: Shell) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run([MAILGATE, "ingest"], input=shell.mail(), stdout=full, timeout=60, check=False)
        assert done.returncode == 0
        assert len(shell("export").values) == 1

    @pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), SystemExit(1), KeyboardInterrupt()])
    def test_however_it_ends_before_the_mail_is_safe(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        def broken(*_: object) -> None:
            raise error

        monkeypatch.setattr("mailgate.ingest.pipe.check", broken)
        assert shell("ingest", stdin=shell.mail()).code == 75

    def test_a_fault_with_its_trace_is_75_too(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("surprise")

        monkeypatch.setattr("mailgate.ingest.pipe.check", broken)
        assert shell("ingest", stdin=shell.mail()).code == 75
        monkeypatch.setenv("MAILGATE_DEBUG", "1")
        ran = shell("ingest", stdin=shell.mail())
        assert ran.code == 75
        assert "surprise" in ran.err


@pytest.mark.parametrize("form", ["--json", ""])
def test_a_reader_that_goes_away_is_no_error(shell: Shell, form: str) -> None:
    done = subprocess.run(
        f"set -o pipefail; {MAILGATE} check --limits {form} | true", shell=True, executable="/bin/bash",
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
    assert done.returncode == 0


def test_a_full_disk_is_said(shell: Shell) -> None:
    shell.open_ticket()
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [MAILGATE, "ticket", "list", "--json"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 74
    assert b"No space left" in done.stderr


def test_a_fault_of_ours_is_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("store.journal.held", broken)
    ran = shell("held", "list")
    assert ran.code == 70
    assert ran.err.count("\n") == 1
    assert "surprise" in ran.err
