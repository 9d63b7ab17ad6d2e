"""Access tokens for mail servers that want OAuth 2.0 instead of a password (XOAUTH2), by a command or by refresh token.

A `TokenSource` keeps a token until shortly before it expires, is safe between threads, and writes a rotated refresh
token back before the new access token is used, so that a crash never loses the only key. Every failure is a
`TokenUnavailable`: a later try helps, and its sentence says what to look at. Tokens never appear in messages or logs.
Sources: RFC 6749 §5.1, RFC 6749 §6, RFC 7628 §3.1.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailgate.errors import Unavailable

#: Posts a form to a URL: (url, form) -> (HTTP status, body). Raises OSError when nobody answers.
Opener = Callable[[str, Mapping[str, str]], tuple[int, bytes]]

_EARLY_SECONDS = 60.0
_UNTOLD_SECONDS = 300.0
_COMMAND_SECONDS = 30.0
_ANSWER_BYTES = 64 * 1024


class TokenUnavailable(Unavailable):
    """No access token can be had now; a later try helps."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One access token and how long it lives, in seconds from when it was given."""

    token: str
    lives_seconds: float


class TokenSource:
    """Gives access tokens. `fetch` brings a new one; `monotonic` is a clock in seconds that never goes back."""

    def __init__(self, fetch: Callable[[], Grant], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0
        self._expires: float | None = None
        self._failed = False

    @classmethod
    def by_command(cls, argv: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> TokenSource:
        """Tokens from a program's standard output: the bare token, or JSON with `access_token` and `expires_in`.

        argv: program and arguments, run without a shell, 30 s at most. A bare token is kept for 5 minutes.
        """
        return cls(lambda: _from_command(list(argv)), monotonic)

    @classmethod
    def by_refresh_token(
        cls,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token_file: Path,
        scope: str,
        opener: Opener | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> TokenSource:
        """Tokens from an authorisation server, by the refresh token kept in a file (RFC 6749 §6).

        client_secret, scope: "" where the server wants none. A rotated refresh token replaces the file (0600).
        """
        post = opener or post_form
        form = {"grant_type": "refresh_token", "client_id": client_id, "client_secret": client_secret, "scope": scope}
        return cls(lambda: _from_server(token_url, form, refresh_token_file, post), monotonic)

    def token(self) -> str:
        """A token that is good for at least a minute. Raises TokenUnavailable (retryable)."""
        with self._lock:
            if not self._token or self._monotonic() >= self._until:
                self._failed = True
                grant = self._fetch()
                self._token, self._failed = grant.token, False
                self._expires = self._monotonic() + grant.lives_seconds
                self._until = self._monotonic() + max(grant.lives_seconds - _EARLY_SECONDS, 0.0)
            return self._token

    @property
    def expires_in(self) -> float | None:
        """Seconds until the newest token expires, below 0 for one that has; None before the first."""
        return None if self._expires is None else self._expires - self._monotonic()

    @property
    def well(self) -> bool:
        """Whether the last try to get a token had one."""
        return not self._failed

    def forget(self) -> None:
        """Drop the token kept: the server refused it before its time."""
        with self._lock:
            self._token = ""


def xoauth2_string(user: str, token: str) -> str:
    """The initial response of SASL XOAUTH2, before base64. Raises ValueError on a control character in either."""
    if not (user + token).isprintable():
        raise ValueError("a user or token for XOAUTH2 must not hold control characters")
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def post_form(url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
    """POST a form and return status and body (64 KiB at most). Only https, or http on loopback. Raises OSError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise OSError("a token URL must be https")
    data = urllib.parse.urlencode(form).encode("ascii")
    request = urllib.request.Request(url, data, {"Accept": "application/json"})  # noqa: S310 - scheme checked above
    try:
        with urllib.request.urlopen(request, timeout=_COMMAND_SECONDS) as answer:  # noqa: S310 - scheme checked above
            return answer.status, answer.read(_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_ANSWER_BYTES)


def _from_command(argv: list[str]) -> Grant:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TokenUnavailable(f"the token command {argv[0]!r} did not run: {type(error).__name__}") from None
    if done.returncode != 0:
        raise TokenUnavailable(f"the token command {argv[0]!r} ended with code {done.returncode}")
    text = done.stdout.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return _grant(text.encode(), f"the token command {argv[0]!r}")[0]
    if not text or not text.isprintable() or " " in text:
        raise TokenUnavailable(f"the token command {argv[0]!r} printed no token")
    return Grant(text, _UNTOLD_SECONDS + _EARLY_SECONDS)


def _from_server(url: str, form: Mapping[str, str], refresh_token_file: Path, post: Opener) -> Grant:
    host = urllib.parse.urlsplit(url).hostname or url
    try:
        refresh_token = refresh_token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TokenUnavailable(f"cannot read the refresh token in {refresh_token_file}: {error.strerror}") from None
    full = {name: value for name, value in {**form, "refresh_token": refresh_token}.items() if value}
    try:
        status, body = post(url, full)
    except OSError as error:
        raise TokenUnavailable(f"the authorisation server {host} cannot be reached: {error}") from None
    if status != 200:
        raise TokenUnavailable(f"the authorisation server {host} answered {status}{_reason(body)}")
    grant, rotated = _grant(body, f"the authorisation server {host}")
    if rotated and rotated != refresh_token:
        _keep(refresh_token_file, rotated)
    return grant


def _grant(body: bytes, who: str) -> tuple[Grant, str]:
    """The token in a JSON answer (RFC 6749 §5.1), and the refresh token that came with it, or ""."""
    try:
        answer = json.loads(body)
        token = answer["access_token"]
        lives = float(answer.get("expires_in") or _UNTOLD_SECONDS + _EARLY_SECONDS)
        rotated = answer.get("refresh_token") or ""
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TokenUnavailable(f"{who} gave an answer without a token") from None
    if not isinstance(token, str) or not token.strip() or not isinstance(rotated, str):
        raise TokenUnavailable(f"{who} gave an answer without a token")
    return Grant(token.strip(), lives), rotated


def _reason(body: bytes) -> str:
    """The closed word of an error answer (RFC 6749 §5.2), such as `invalid_grant`; nothing else of it is repeated."""
    try:
        word = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({word})" if isinstance(word, str) and word.replace("_", "").isalnum() and len(word) < 50 else ""


def _keep(path: Path, refresh_token: str) -> None:
    """Replace the refresh token in one step, durable, readable by its owner only. Raises TokenUnavailable."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(refresh_token + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise TokenUnavailable(f"cannot write the new refresh token to {path}: {error.strerror}") from None
