"""One connection to one IMAP server, in our words: log in, open a folder, search, fetch, move, wait for news.

One thread only. Every failure leaves here as one of two errors with a sentence: `ImapTrouble` (the connection is of no
use any more) or `ImapRefused` (the server said no to one command; the connection is fine). Nothing here sets \\Seen by
itself: bodies are read with BODY.PEEK[] (RFC 9051 §6.4.5).
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imapclient.exceptions import ProtocolError
from imapclient.imap_utf7 import decode as decode_utf7

from mailgate.errors import MailgateError, Unavailable
from mailgate.ingest.imap_account import ImapAccount, check_listed_name
from mailgate.ingest.imap_wire import GuardedClient, GuardedImap, ImapTrouble

_MAX_UID = 2**32 - 1
#: What servers send with a body, asked or not. Anything else is the rest of a mail whose length was said too short.
_BESIDE_A_BODY = frozenset(b"SEQ UID FLAGS MODSEQ RFC822.SIZE INTERNALDATE X-GM-MSGID X-GM-THRID BODY[]".split())
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]+")
_BYTES_SHOWN = re.compile(r"^b([\"'])(.*)\1$")
_SAID_LIMIT = 160


class LoginRefused(ImapTrouble):
    """The server does not accept our name and proof."""


class ImapRefused(Unavailable):
    """The server refused one command; others may work on the same connection."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT said (RFC 9051 §6.3.2). uidnext: None where a server keeps it to itself."""

    uidvalidity: int
    uidnext: int | None
    keywords: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder of LIST. marks: in lower case, such as `\\sent` (RFC 6154 §2)."""

    name: str
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a folder says of a mail before its bytes are fetched. internal_date: aware UTC, None when unreadable."""

    size: int
    internal_date: datetime | None


class ImapSession:
    """An open, authenticated connection. Use it in a `with`; leaving it closes the socket."""

    def __init__(
        self, account: ImapAccount, monotonic: Callable[[], float], stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._account = account
        self.opened = ""  # the folder that is open, under its name in the settings
        self._monotonic = monotonic
        self._stopping = stopping
        self._secrets = {account.password} - {""}
        self._places: dict[str, str] = {}
        with self._speaking("connecting"):
            self._client = GuardedClient(
                account, lambda: GuardedImap(account, lambda: _tls_context(account), monotonic, stopping)
            )
        self._wire: GuardedImap = self._client._imap
        try:
            self._authenticate()
            with self._speaking("asking what it can do"):
                self.capabilities = frozenset(_ascii(c).upper() for c in self._client.capabilities())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ImapSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket. LOGOUT is not waited for: a server that hangs would hold us up, and nothing hangs on it."""
        with contextlib.suppress(OSError):
            self._wire.send(b"Z LOGOUT\r\n")
        self._wire.shutdown()

    def can(self, capability: str) -> bool:
        """Whether the server announced it after the login."""
        return capability in self.capabilities

    # Folders ------------------------------------------------------------------------------------------------------

    def folders(self) -> list[str]:
        """The names of all folders that can be opened, as the server lists them."""
        return [one.name for one in self.listed() if not one.marks & {r"\noselect", r"\nonexistent"}]

    def listed(self) -> list[Listed]:
        """All folders with the server's marks. A name that is no modified UTF-7 hinders no other (RFC 9051 §5.1)."""
        with self._speaking("listing the folders"):
            self._client.folder_encode = False
            try:
                found = self._client.list_folders()
            finally:
                self._client.folder_encode = True
            return [Listed(_folder_name(name), frozenset(_ascii(f).lower() for f in flags)) for flags, _, name in found]

    def place(self, folder: str) -> str:
        """The folder's name on this server: below its prefix of personal folders where it is only there.

        Some servers keep everything below `INBOX.` (RFC 2342 §5); an admin writes `Lidos` and sees it so in his client.
        """
        if folder.upper() == "INBOX" or not self.can("NAMESPACE"):
            return folder
        if folder not in self._places:
            prefix = self._prefix()
            there = set(self.folders()) if prefix and not folder.startswith(prefix) else {folder}
            self._places[folder] = folder if folder in there else prefix + folder
        return self._places[folder]

    def _name(self, folder: str) -> str:
        try:
            return check_listed_name(self.place(folder))
        except ValueError as error:
            raise ImapRefused(str(error)) from error

    def _prefix(self) -> str:
        with contextlib.suppress(ImapRefused), self._speaking("asking where folders are"):
            personal = self._client.namespace().personal
            return str(personal[0][0]) if personal else ""
        return ""

    def create(self, folder: str) -> None:
        """Make a folder and subscribe to it, so that mail clients show it."""
        with self._speaking(f"making the folder {folder}"):
            self._client.create_folder(self._name(folder))
        with contextlib.suppress(ImapRefused), self._speaking(f"subscribing to {folder}"):
            self._client.subscribe_folder(self._name(folder))

    def select(self, folder: str, readonly: bool) -> Selected:
        """Open a folder. Raises ImapRefused when there is none, or when it has no UIDVALIDITY to count by."""
        self.opened = ""
        with self._speaking(f"opening the folder {folder}"):
            said = self._client.select_folder(self._name(folder), readonly=readonly)
            self._wire.untagged_responses.pop("EXISTS", None)
            uidvalidity, uidnext = int(said.get(b"UIDVALIDITY", 0)), said.get(b"UIDNEXT")
            keywords = frozenset(_ascii(k).lower() for k in said.get(b"PERMANENTFLAGS", ()))
        if not 0 < uidvalidity <= _MAX_UID:
            raise ImapRefused(f"the folder {folder} has no UIDVALIDITY, so its mails cannot be told apart")
        self.opened = folder
        return Selected(uidvalidity, int(uidnext) if uidnext else None, keywords)

    # Mails --------------------------------------------------------------------------------------------------------

    def search(self, after: int, since: date | None) -> list[int]:
        """UIDs above `after`, rising. since: only mails whose INTERNALDATE is on that day or later."""
        criteria: list[Any] = ["UID", f"{after + 1}:*"]
        if since is not None:
            criteria += ["SINCE", since]
        # `n:*` names the last mail even when its UID is below n (RFC 9051 §9, seq-range): hence the comparison.
        return sorted({uid for uid in self._search(criteria) if after < uid <= _MAX_UID})

    def present(self, uids: Iterable[int]) -> set[int]:
        """Those of `uids` that are still in the folder."""
        asked = set(uids)
        return asked & set(self._search(["UID", sequence_set(asked)])) if asked else set()

    def facts(self, uids: list[int]) -> dict[int, Facts]:
        """Size and date of each mail, as far as the server tells."""
        with self._speaking("asking for sizes"):
            found = self._fetch(uids, ["UID", "RFC822.SIZE", "INTERNALDATE"])
        return {
            uid: Facts(size, _utc(said.get(b"INTERNALDATE")))
            for uid, said in found.items()
            if isinstance(size := said.get(b"RFC822.SIZE"), int)
        }

    def bodies(self, uids: list[int]) -> dict[int, bytes]:
        """The bytes of each mail that the server sent; a UID is missing when it sent none."""
        with self._speaking("fetching mail"):
            found = self._fetch(uids, ["UID", "BODY.PEEK[]"])
        whole = {uid: said for uid, said in found.items() if said.keys() <= _BESIDE_A_BODY}
        return {uid: body for uid, said in whole.items() if isinstance(body := said.get(b"BODY[]"), bytes) and body}

    def flag(self, uids: list[int], keyword: str) -> None:
        """Set a flag or keyword on mails."""
        with self._speaking(f"setting the flag {keyword}"):
            self._client.add_flags(uids, keyword, silent=True)

    def move(self, uids: list[int], folder: str) -> None:
        """Move mails to a folder that exists. Mails that are gone already are no error (RFC 6851 §3.3).

        Without MOVE: COPY, \\Deleted and UID EXPUNGE (RFC 4315 §2.1); without UIDPLUS either they stay, marked
        \\Deleted, for a plain EXPUNGE would also remove what people of the company have marked.
        """
        with self._speaking(f"moving mail to {folder}"):
            name = self._name(folder)
            if self.can("MOVE"):
                self._client.move(uids, name)
                return
            self._client.copy(uids, name)
            self._client.add_flags(uids, r"\Deleted", silent=True)
            if self.can("UIDPLUS"):
                self._client.uid_expunge(uids)

    # Waiting ------------------------------------------------------------------------------------------------------

    def idle(self, seconds: float) -> bool:
        """Wait in the open folder for new mail, at most so long. True when there is some, False when the time is over.

        Raises ImapTrouble on a dead connection, Stopping when we are to end. Source: RFC 2177 §3.
        """
        if self._news():
            return True
        until = self._monotonic() + seconds
        with self._speaking("waiting for new mail"):
            tag = self._wire._command("IDLE")
            while self._wire._get_response() is not None:
                if self._wire.tagged_commands[tag]:
                    self._wire._command_complete("IDLE", tag)
                    raise ImapRefused("the server offers IDLE but refuses it")
            while not self._news() and not self._stopping() and (left := until - self._monotonic()) > 0:
                if self._wire.wait_readable(min(left, self._account.timeouts.glance)):
                    self._wire.extend()
                    self._wire._get_response()
                    self._wire._check_bye()
            self._wire.begin()
            self._wire.send(b"DONE\r\n")
            typ, _ = self._wire._command_complete("IDLE", tag)
            news = self._news()
            self._wire.untagged_responses.clear()
        if typ != "OK":
            raise ImapRefused("the server offers IDLE but refuses it")
        return news

    def _news(self) -> bool:
        return "EXISTS" in self._wire.untagged_responses

    # How ------------------------------------------------------------------------------------------------------------

    def _authenticate(self) -> None:
        account = self._account
        if account.tls == "starttls":
            with self._speaking("starting TLS"):
                self._wire.secure()
                self._client._starttls_done = True
                self._client._cached_capabilities = None
        if account.token is None:
            self._log_in_by_password()
        else:
            self._log_in_by_token(account.token)

    def _log_in_by_password(self) -> None:
        user, password = self._account.user, self._account.password
        offered = set(self._wire.capabilities)
        with self._speaking("logging in", LoginRefused):
            if "AUTH=PLAIN" in offered:
                self._client.sasl_login("PLAIN", lambda _: f"\0{user}\0{password}")
            elif "LOGINDISABLED" in offered:
                raise LoginRefused("the server allows no password on this connection; set tls: tls or tls: starttls")
            elif not (user + password).isascii():
                raise LoginRefused("the server cannot take a name or password with letters beyond ASCII")
            else:
                self._client.login(self._wire._quote(user), password)

    def _log_in_by_token(self, fresh: Callable[[], str]) -> None:
        """XOAUTH2. A token that is refused is asked for once more: it may have run out since it was made."""
        token = self._fresh_token(fresh)
        try:
            self._offer_token(token)
        except LoginRefused:
            self._account.refused_token()
            newer = self._fresh_token(fresh)
            if newer == token:
                raise
            self._offer_token(newer)

    def _fresh_token(self, fresh: Callable[[], str]) -> str:
        token = _token(fresh)
        self._secrets.add(token)
        return token

    def _offer_token(self, token: str) -> None:
        answers = iter([f"user={self._account.user}\x01auth=Bearer {token}\x01\x01"])
        with self._speaking("logging in with a token", LoginRefused):
            # After a refusal the server sends its reasons as a challenge, to be answered by an empty line.
            self._client.sasl_login("XOAUTH2", lambda _: next(answers, ""))

    def _search(self, criteria: list[Any]) -> list[int]:
        with self._speaking("searching"):
            self._wire.untagged_responses.pop("SEARCH", None)
            self._wire.long_lines(True)
            try:
                return list(self._client.search(criteria))
            finally:
                self._wire.long_lines(False)

    def _fetch(self, uids: list[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        # What the server told unasked before this command is no answer to it.
        self._wire.untagged_responses.pop("FETCH", None)
        found: dict[int, dict[bytes, Any]] = self._client.fetch(uids, items)
        return found

    @contextlib.contextmanager
    def _speaking(self, doing: str, refused: type[MailgateError] = ImapRefused) -> Iterator[None]:
        """Turn whatever a server can make the libraries raise into one of ours, with a sentence."""
        try:
            yield
        except MailgateError:
            raise
        except imaplib.IMAP4.readonly as error:
            raise ImapRefused(f"{doing}: the server allows only reading there") from error
        except (imaplib.IMAP4.abort, OSError) as error:
            raise ImapTrouble(self._sentence(doing, error)) from error
        except (ProtocolError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ImapTrouble(f"the server's answer to {doing} cannot be read ({type(error).__name__})") from error
        except imaplib.IMAP4.error as error:
            raise refused(self._sentence(doing, error)) from error

    def _sentence(self, doing: str, error: Exception) -> str:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        said = _BYTES_SHOWN.sub(r"\2", _UNPRINTABLE.sub(" ", said)).strip()[:_SAID_LIMIT]
        return f"{doing}: {said or type(error).__name__}"


def sequence_set(uids: Iterable[int]) -> str:
    """UIDs as IMAP writes many of them: `1:40,57` (RFC 9051 §9); "" for none."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)


def read_sequence_set(text: str) -> set[int]:
    """The UIDs of `sequence_set`. Raises ValueError on anything that it would not write."""
    uids: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition(":")
        start, end = int(first), int(last or first)
        if not 0 < start <= end <= _MAX_UID or end - start > 10_000_000:
            raise ValueError(f"{part!r} is not a range of UIDs")
        uids.update(range(start, end + 1))
    return uids


def _tls_context(account: ImapAccount) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=account.ca_file or None)
    if not account.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _token(fresh: Callable[[], str]) -> str:
    try:
        token = fresh().strip()
    except MailgateError:
        raise
    except Exception as error:
        raise LoginRefused(f"no token for the login could be had ({type(error).__name__})") from error
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise LoginRefused("what came instead of a token cannot be one")
    return token


def _utc(said: object) -> datetime | None:
    if not isinstance(said, datetime) or said.tzinfo is None:
        return None
    try:
        return said.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _ascii(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode("ascii", "replace")


def _folder_name(said: bytes | str | int) -> str:
    """A name as people read it; one that is not modified UTF-7 as it is, which SELECT will then be refused for."""
    if isinstance(said, bytes):
        try:
            return str(decode_utf7(said))
        except (ValueError, LookupError):
            return said.decode("ascii", "backslashreplace")
    return str(said)
