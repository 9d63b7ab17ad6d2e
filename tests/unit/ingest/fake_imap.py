"""A small IMAP server of our own, with moods: it does what RFC 9051 asks, and what bad servers and lines do.

It listens on a free port of 127.0.0.1, a thread for each connection. Only what our client says is understood.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BASE = "IMAP4rev1 LITERAL+ AUTH=PLAIN AUTH=XOAUTH2 STARTTLS"
FULL = f"{BASE} IDLE MOVE UIDPLUS"


class Hangup(Exception):
    """The server closes the connection here."""


@dataclass
class FakeMail:
    raw: bytes
    date: datetime
    flags: set[str] = field(default_factory=set)
    said_size: int | None = None


@dataclass
class FakeFolder:
    uidvalidity: int = 1000
    uidnext: int = 1
    mails: dict[int, FakeMail] = field(default_factory=dict)

    def add(self, raw: bytes, date: datetime, uid: int | None = None, said_size: int | None = None) -> int:
        uid = uid or self.uidnext
        self.mails[uid] = FakeMail(raw, date, said_size=said_size)
        self.uidnext = max(self.uidnext, uid + 1)
        return uid

    def renumber(self, uidvalidity: int, first: int = 1) -> None:
        """As after a restore: the same mails under other numbers."""
        mails = [self.mails[uid] for uid in sorted(self.mails)]
        self.uidvalidity, self.uidnext = uidvalidity, first + len(mails)
        self.mails = dict(zip(range(first, self.uidnext), mails, strict=True))


#: What to do instead of a command: gets the connection, the tag, the words after it. Returns True when it did it all.
Mood = Callable[["Connection", str, str], bool]


class FakeImap:
    """moods: by command (`UID FETCH`, `LOGIN`, `IDLE`...). commands: all lines that came, secrets and all."""

    host = "127.0.0.1"
    connection: Callable[[FakeImap, socket.socket], Connection]

    def __init__(self, tls: ssl.SSLContext | None = None, implicit_tls: bool = False) -> None:
        self.lock = threading.RLock()
        self.folders: dict[str, FakeFolder] = {"INBOX": FakeFolder()}
        self.capabilities = FULL
        self.greeting = "* OK ready"
        self.passwords = {"suporte": "secret"}
        self.tokens: set[str] = set()
        self.moods: dict[str, Mood] = {}
        self.commands: list[str] = []
        self.seen = Counter[str]()
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.connections: list[Connection] = []
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> FakeImap:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(5)
        for connection in self.connections:
            connection.thread.join(5)

    @property
    def inbox(self) -> FakeFolder:
        return self.folders["INBOX"]

    def deliver(self, raw: bytes, date: datetime, folder: str = "INBOX") -> int:
        """New mail arrives; whoever waits in the folder by IDLE is told."""
        with self.lock:
            uid = self.folders[folder].add(raw, date)
            for connection in self.connections:
                connection.tell(folder)
            return uid

    def cut(self) -> None:
        """Every connection ends without a word."""
        for connection in list(self.connections):
            connection.close()

    def idling(self) -> bool:
        return any(connection.idling for connection in self.connections)

    def _listen(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self.connection(self, peer)
            self.connections.append(connection)
            connection.thread.start()


class Connection:
    """One client. `say` sends a line; `raw` sends bytes as they are."""

    def __init__(self, server: FakeImap, peer: socket.socket) -> None:
        self.server = server
        self.peer = peer
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.folder = ""
        self.idling = ""
        self.told = 0
        self.closed = threading.Event()

    def say(self, line: str) -> None:
        self.raw(line.encode("utf-8", "surrogateescape") + b"\r\n")

    def raw(self, data: bytes) -> None:
        self.peer.sendall(data)

    def close(self) -> None:
        self.closed.set()
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)
        self.peer.close()

    def hang(self) -> bool:
        """Say nothing more until the client goes away or the server is cut."""
        with contextlib.suppress(OSError):
            while self.peer.recv(4096):
                pass
        raise Hangup

    def tell(self, folder: str) -> None:
        """What is new, to one who waits in the folder; RFC 2177 asks it of a server also when IDLE begins."""
        if self.idling == folder and self.told != len(self.server.folders[folder].mails):
            self.told = len(self.server.folders[folder].mails)
            with contextlib.suppress(OSError):
                self.say(f"* {self.told} EXISTS")

    def _run(self) -> None:
        try:
            if self.server.implicit_tls:
                self._start_tls()
            self.say(self.server.greeting)
            while line := self._line():
                self._obey(line)
        except (Hangup, OSError, ValueError):
            pass
        finally:
            self.idling = ""
            self.close()

    def _start_tls(self) -> None:
        assert self.server.tls is not None
        self.peer = self.server.tls.wrap_socket(self.peer, server_side=True)

    def _line(self) -> str:
        got = bytearray()
        while not got.endswith(b"\n"):
            piece = self.peer.recv(1)
            if not piece:
                return ""
            got += piece
        return got.decode("utf-8", "surrogateescape").rstrip("\r\n")

    def _obey(self, line: str) -> None:
        tag, _, rest = line.partition(" ")
        words = rest.split(" ", 2)
        name = words[0].upper()
        if name == "UID":
            name = f"UID {words[1].upper()}"
            args = words[2]
        else:
            args = rest[len(words[0]) + 1 :]
        with self.server.lock:
            self.server.commands.append(rest)
            self.server.seen[name] += 1
        mood = self.server.moods.get(name)
        if mood is not None and mood(self, tag, args):
            return
        with self.server.lock:
            do = getattr(self, "do_" + name.lower().replace(" ", "_"))
            do(tag, args)

    def ok(self, tag: str, text: str = "done") -> None:
        self.say(f"{tag} OK {text}")

    def no(self, tag: str, text: str = "not so") -> bool:
        self.say(f"{tag} NO {text}")
        return True

    def at(self) -> FakeFolder:
        return self.server.folders[self.folder]

    # Commands ---------------------------------------------------------------------------------------------------

    def do_capability(self, tag: str, args: str) -> None:
        self.say(f"* CAPABILITY {self.server.capabilities}")
        self.ok(tag)

    def do_noop(self, tag: str, args: str) -> None:
        self.ok(tag)

    def do_logout(self, tag: str, args: str) -> None:
        raise Hangup

    def do_starttls(self, tag: str, args: str) -> None:
        self.ok(tag)
        self._start_tls()

    def do_login(self, tag: str, args: str) -> None:
        user, password = re.fullmatch(r'"(.*)" "(.*)"', args).groups()  # type: ignore[union-attr]
        self._welcome(tag, self.server.passwords.get(user) == password)

    def do_authenticate(self, tag: str, args: str) -> None:
        self.say("+ ")
        said = b64decode(self._line()).decode()
        if args == "PLAIN":
            _, user, password = said.split("\0")
            self._welcome(tag, self.server.passwords.get(user) == password)
            return
        token = said.split("Bearer ")[1].rstrip("\x01")
        if token not in self.server.tokens:
            self.say("+ " + b64encode(b'{"status":"400"}').decode())
            assert self._line() == ""
        self._welcome(tag, token in self.server.tokens)

    def _welcome(self, tag: str, known: bool) -> None:
        if known:
            self.ok(tag, f"[CAPABILITY {self.server.capabilities}] hello")
        else:
            self.no(tag, "[AUTHENTICATIONFAILED] who are you")

    def do_list(self, tag: str, args: str) -> None:
        for name in self.server.folders:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            self.say(f'* LIST (\\HasNoChildren) "/" "{quoted}"')
        self.ok(tag)

    def do_create(self, tag: str, args: str) -> None:
        self.server.folders[args.strip('"')] = FakeFolder()
        self.ok(tag)

    def do_subscribe(self, tag: str, args: str) -> None:
        self.ok(tag)

    def do_examine(self, tag: str, args: str) -> None:
        self._select(tag, args, "READ-ONLY")

    def do_select(self, tag: str, args: str) -> None:
        self._select(tag, args, "READ-WRITE")

    def _select(self, tag: str, args: str, how: str) -> None:
        name = re.sub(r"\\(.)", r"\1", args[1:-1])
        if name not in self.server.folders:
            self.no(tag, "[NONEXISTENT] no such folder")
            return
        self.folder = name
        folder = self.at()
        self.told = len(folder.mails)
        self.say(f"* {self.told} EXISTS")
        self.say(r"* OK [PERMANENTFLAGS (\Seen \Deleted \*)] flags")
        self.say(f"* OK [UIDVALIDITY {folder.uidvalidity}] valid")
        self.say(f"* OK [UIDNEXT {folder.uidnext}] next")
        self.ok(tag, f"[{how}] open")

    def do_uid_search(self, tag: str, args: str) -> None:
        folder = self.at()
        uids = set(folder.mails)
        if found := re.search(r"UID ([\d:,*]+)", args):
            uids &= self._uids(found.group(1))
        if found := re.search(r"SINCE (\S+)", args):
            day = datetime.strptime(found.group(1), "%d-%b-%Y").date()
            uids = {uid for uid in uids if folder.mails[uid].date.date() >= day}
        self.say("* SEARCH " + " ".join(map(str, sorted(uids))))
        self.ok(tag)

    def do_uid_fetch(self, tag: str, args: str) -> None:
        which, _, items = args.partition(" ")
        for uid in sorted(self._uids(which)):
            self.say_mail(uid, "BODY.PEEK[]" in items)
        self.ok(tag)

    def say_mail(self, uid: int, body: bool, said_uid: int | None = None) -> None:
        mail = self.at().mails[uid]
        number = sorted(self.at().mails).index(uid) + 1
        if body:
            self.raw(f"* {number} FETCH (UID {said_uid or uid} BODY[] {{{len(mail.raw)}}}\r\n".encode())
            self.raw(mail.raw + b")\r\n")
            return
        size = len(mail.raw) if mail.said_size is None else mail.said_size
        date = mail.date.strftime("%d-%b-%Y %H:%M:%S +0000")
        self.say(f'* {number} FETCH (UID {said_uid or uid} RFC822.SIZE {size} INTERNALDATE "{date}")')

    def do_uid_store(self, tag: str, args: str) -> None:
        which, _, flags = args.partition(" ")
        for uid in self._uids(which):
            self.at().mails[uid].flags |= set(flags.partition("(")[2].rstrip(")").split())
        self.ok(tag)

    def do_uid_copy(self, tag: str, args: str) -> None:
        self._copy(tag, args)

    def do_uid_move(self, tag: str, args: str) -> None:
        for uid in self._copy(tag, args):
            del self.at().mails[uid]

    def _copy(self, tag: str, args: str) -> set[int]:
        which, _, name = args.partition(" ")
        target = self.server.folders.get(name.strip('"'))
        if target is None:
            self.no(tag, "[TRYCREATE] no such folder")
            return set()
        uids = self._uids(which)
        for uid in sorted(uids):
            target.add(self.at().mails[uid].raw, self.at().mails[uid].date)
        self.ok(tag)
        return uids

    def do_uid_expunge(self, tag: str, args: str) -> None:
        for uid in self._uids(args):
            if r"\Deleted" in self.at().mails[uid].flags:
                del self.at().mails[uid]
        self.ok(tag)

    def do_idle(self, tag: str, args: str) -> None:
        self.say("+ idling")
        self.idling = self.folder
        self.tell(self.folder)
        self.server.lock.release()
        try:
            line = self._line()
        finally:
            self.server.lock.acquire()
            self.idling = ""
        if line != "DONE":
            raise Hangup
        self.ok(tag)

    def _uids(self, which: str) -> set[int]:
        there = set(self.at().mails)
        last = max(there, default=0)
        found: set[int] = set()
        for part in which.split(","):
            first, _, end = part.partition(":")
            a, b = (last if x == "*" else int(x) for x in (first, end or first))
            found |= {uid for uid in there if min(a, b) <= uid <= max(a, b)}
        return found


FakeImap.connection = Connection


def days_ago(days: float, now: datetime) -> datetime:
    return (now - timedelta(days=days)).astimezone(UTC)
