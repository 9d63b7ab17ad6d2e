"""The submission port: agents send with AUTH, as themselves, to addresses of ours.

Never a relay: a mail client that wants to write to the world uses its own server. The users file holds one
`address:argon2-hash` a line. Sources: RFC 6409, RFC 4954, RFC 4616.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from pathlib import Path

from aiosmtpd.smtp import AuthResult, LoginPassword
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from mailgate import log
from mailgate.errors import ConfigError, Mistake, SmtpReply
from mailgate.ingest import gate
from mailgate.ingest.reception import Authenticator, AuthPolicy, Reception
from mailgate.ingest.smtp import SmtpSession

TOO_MANY_FAILURES = SmtpReply(421, "4.7.0", "Too many failed logins, please try again later")
NOT_YOUR_ADDRESS = SmtpReply(553, "5.7.1", "Sender address is not yours")
NOT_A_RELAY = SmtpReply(550, "5.7.1", "Recipient is not ours, and this is no relay")
ENCRYPT_FIRST = SmtpReply(538, "5.7.11", "Encryption required for authentication")

_LOG = log.get("submission")


class SubmissionSession(SmtpSession):
    """One connection on the submission port."""

    def __init__(self, reception: Reception, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reception, loop)
        assert reception.config.auth is not None, "the submission port needs an AuthPolicy"
        self._policy: AuthPolicy = reception.config.auth
        self._auth_required = True
        self._auth_require_tls = self._policy.require_tls

    async def smtp_AUTH(self, arg: str | None) -> None:
        """RFC 4954 §4. aiosmtpd leads the dialogue; the mechanism's case does not matter, and tries are counted."""
        if self.reception.failures.is_over(self.peer, self._clock(), self._policy):
            self._over = True
            await self.reply(TOO_MANY_FAILURES)
            return
        mechanism, _, rest = (arg or "").partition(" ")
        await super(SmtpSession, self).smtp_AUTH(f"{mechanism.upper()} {rest}".strip())

    async def auth_PLAIN(self, _: object, args: list[str]) -> AuthResult:
        return await self._judge(await super().auth_PLAIN(_, args))

    async def auth_LOGIN(self, _: object, args: list[str]) -> AuthResult:
        return await self._judge(await super().auth_LOGIN(_, args))

    def _authenticate(self, mechanism: str, auth_data: object) -> AuthResult:
        """aiosmtpd has read login and password and asks at once; the true answer takes a thread: see `_judge`."""
        return AuthResult(success=True, auth_data=auth_data)

    async def _judge(self, read: AuthResult) -> AuthResult:
        if not read.success or not isinstance(read.auth_data, LoginPassword):
            return read
        try:
            login, password = read.auth_data.login.decode(), read.auth_data.password.decode()
        except UnicodeDecodeError:
            address = None
        else:
            address = await self._policy.authenticate(login, password)
        if address is None:
            self.reception.failures.add(self.peer, self._clock())
            _LOG.warning("login failed", peer=self.peer)
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=address)

    def refuse_sender(self, address: str) -> SmtpReply | None:
        """RFC 6409 §6.1: an agent sends as himself."""
        return None if address.lower() == str(self.session.auth_data).lower() else NOT_YOUR_ADDRESS

    def check_recipient(self, address: str) -> SmtpReply:
        reply = super().check_recipient(address)
        return NOT_A_RELAY if reply == gate.NO_SUCH_RECIPIENT else reply


def hash_password(password: str) -> str:
    """The hash to put in the users file. Takes a fifth of a second and 64 MB, on purpose."""
    return PasswordHash((Argon2Hasher(),)).hash(password)


def read_users(path: Path) -> dict[str, str]:
    """Addresses (lower case) and their secrets: argon2 hashes, or passwords as they are (`{PLAIN}` may stand before).

    A file that is not there holds nobody. Raises ConfigError naming every line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Mistake(str(path), 0, 0, f"the users file cannot be read: {error}")]) from error
    users: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        address, _, digest = text.partition(":")
        address = address.strip().lower()
        if "@" not in address or not digest.strip():
            reason = "write it like bruno@example.test:$argon2id$… (`mailgate agent password` does)"
            mistakes.append(Mistake(str(path), number, 1, reason))
        elif address in users:
            mistakes.append(Mistake(str(path), number, 1, f"{address} is here twice"))
        else:
            users[address] = digest.strip()
    if mistakes:
        raise ConfigError(mistakes)
    return users


def check_password(path: Path) -> Authenticator:
    """An authenticator over a users file, which is read again when it changes.

    One hash is computed at a time (64 MB each), off the event loop; an unknown user costs as much as a known one.
    Raises ConfigError now if the file is wrong; a later mistake is logged and the last good content stands.
    """
    hasher = PasswordHash((Argon2Hasher(),))
    nobody = hasher.hash(secrets.token_urlsafe())
    turn = asyncio.Semaphore(1)
    users, seen = read_users(path), _stamp(path)

    def look() -> dict[str, str]:
        nonlocal users, seen
        stamp = _stamp(path)
        if stamp != seen:
            seen = stamp
            try:
                users = read_users(path)
            except ConfigError as error:
                _LOG.error("users file is wrong, the last good one stands", reason=str(error))
        return users

    def verify(login: str, password: str) -> str | None:
        address = login.strip().lower()
        digest = look().get(address)
        hashed = digest if digest is not None and digest.startswith("$argon2") else nobody
        try:
            right = hasher.verify(password, hashed)  # also for a plain password or nobody: the same time for all
            if digest is not None and hashed is nobody:
                right = hmac.compare_digest(digest.removeprefix("{PLAIN}").encode(), password.encode())
        except (UnknownHashError, ValueError):
            return None
        return address if right and digest is not None else None

    async def authenticate(login: str, password: str) -> str | None:
        async with turn:
            return await asyncio.to_thread(verify, login, password)

    return authenticate


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
