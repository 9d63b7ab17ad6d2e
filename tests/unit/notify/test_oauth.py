"""Access tokens: kept while they are good, renewed before they are not, and never lost when they rotate."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mailgate.authn.oauth import TokenSource, TokenUnavailable, post_form, xoauth2_string


class Server:
    """An authorisation server that answers from a list, and remembers the forms it got."""

    def __init__(self, *answers: tuple[int, object] | OSError) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, str]] = []

    def __call__(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        self.forms.append(dict(form))
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer[0], json.dumps(answer[1]).encode()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "refresh"
    path.write_text("first\n")
    path.chmod(0o600)
    return path


def source(server: Server, key: Path, now: list[float]) -> TokenSource:
    return TokenSource.by_refresh_token(
        "https://login.test/token", "id", "", key, "mail", opener=server, monotonic=lambda: now[0]
    )


def test_a_token_is_kept_until_a_minute_before_its_end(key: Path) -> None:
    now = [0.0]
    server = Server((200, {"access_token": "a", "expires_in": 3600}), (200, {"access_token": "b", "expires_in": 3600}))
    tokens = source(server, key, now)
    assert tokens.token() == "a"
    now[0] = 3539
    assert tokens.token() == "a"
    now[0] = 3541
    assert tokens.token() == "b"
    assert server.forms[0] == {
        "grant_type": "refresh_token",
        "client_id": "id",
        "scope": "mail",
        "refresh_token": "first",
    }


def test_a_rotated_refresh_token_is_written_before_it_is_needed(key: Path) -> None:
    server = Server((200, {"access_token": "a", "refresh_token": "second"}), (200, {"access_token": "b"}))
    tokens = source(server, key, [0.0])
    tokens.token()
    assert key.read_text() == "second\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [p.name for p in key.parent.iterdir()] == [key.name]
    tokens.forget()
    assert tokens.token() == "b"
    assert server.forms[1]["refresh_token"] == "second"


def test_what_goes_wrong_is_a_sentence_and_worth_another_try(key: Path) -> None:
    server = Server(
        OSError("refused"),
        (400, {"error": "invalid_grant", "error_description": "token first is revoked"}),
        (200, {"token": "?"}),
        (200, {"access_token": "a"}),
    )
    tokens = source(server, key, [0.0])
    for reason in ("cannot be reached", "answered 400 (invalid_grant)", "without a token"):
        with pytest.raises(TokenUnavailable) as caught:
            tokens.token()
        assert reason in str(caught.value)
        assert "first" not in str(caught.value)
        assert caught.value.retryable
    assert tokens.token() == "a"


def test_a_command_prints_a_token_or_json() -> None:
    bare = TokenSource.by_command([sys.executable, "-c", "print('tok en'.replace(' ', ''))"])
    assert bare.token() == "token"
    as_json = TokenSource.by_command([sys.executable, "-c", 'print(\'{"access_token": "j", "expires_in": 10}\')'])
    assert as_json.token() == "j"


@pytest.mark.parametrize("program", ["", "print('two words')", "raise SystemExit(3)", "print('{}')"])
def test_a_command_that_gives_none(program: str) -> None:
    with pytest.raises(TokenUnavailable):
        TokenSource.by_command([sys.executable, "-c", program]).token()


def test_no_shell_sees_the_command(tmp_path: Path) -> None:
    with pytest.raises(TokenUnavailable):
        TokenSource.by_command([f"/bin/echo t; touch {tmp_path}/x"]).token()
    assert list(tmp_path.iterdir()) == []


def test_xoauth2() -> None:
    assert xoauth2_string("a@x.test", "tok") == "user=a@x.test\x01auth=Bearer tok\x01\x01"
    with pytest.raises(ValueError, match="control"):
        xoauth2_string("a@x.test\x01auth=Bearer other", "tok")


def test_a_token_never_goes_over_http() -> None:
    with pytest.raises(OSError, match="https"):
        post_form("http://login.test/token", {})
