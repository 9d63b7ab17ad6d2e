"""A relay that does exactly what a test says, on 127.0.0.1, one thread a connection.

Each connection follows one script: a map from a verb (`greeting`, `EHLO`, `MAIL`, `.` for the final dot, ...) to the
bytes it answers, or DROP, or HANG. The last script serves all further connections. `heard` keeps the commands and the
mails of each connection.
"""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

DROP = object()
HANG = object()
HAPPY: dict[str, Any] = {
    "greeting": b"220 relay.test ESMTP\r\n",
    "EHLO": b"250-relay.test\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 HELP\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 go ahead\r\n",
    ".": b"250 2.0.0 Ok: queued as 4711\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
    "STARTTLS": b"220 2.0.0 Ready\r\n",
    "AUTH": b"235 2.7.0 Welcome\r\n",
}


@dataclass
class Heard:
    """What one connection said to the relay."""

    commands: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    tls: bool = False


class ScriptedRelay:
    def __init__(
        self, *scripts: dict[str, Any], context: ssl.SSLContext | None = None, tls_first: bool = False
    ) -> None:
        self.scripts = [{**HAPPY, **script} for script in scripts] or [HAPPY]
        self.context = context
        self.tls_first = tls_first
        self.heard: list[Heard] = []
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> ScriptedRelay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()
        self._thread.join(5)

    @property
    def commands(self) -> list[str]:
        return [command for heard in self.heard for command in heard.commands]

    @property
    def mails(self) -> list[bytes]:
        return [mail for heard in self.heard for mail in heard.mails]

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(len(self.heard), len(self.scripts) - 1)]
            heard = Heard()
            self.heard.append(heard)
            self._open.append(peer)
            threading.Thread(target=self._serve, args=(peer, script, heard), daemon=True).start()

    def _serve(self, peer: socket.socket, script: dict[str, Any], heard: Heard) -> None:
        try:
            if self.tls_first and self.context:
                peer = self.context.wrap_socket(peer, server_side=True)
                heard.tls = True
            if not self._answer(peer, script["greeting"]):
                return
            stream = peer.makefile("rb")
            while line := stream.readline():
                command = line.decode("utf-8", "replace").rstrip("\r\n")
                heard.commands.append(command)
                verb = command.split(" ")[0].split(":")[0].upper()
                if not self._answer(peer, script[verb]):
                    return
                if verb == "QUIT":
                    return
                if verb == "DATA" and script["DATA"][:1] == b"3":
                    heard.mails.append(self._mail(stream))
                    if not self._answer(peer, script["."]):
                        return
                if verb == "STARTTLS" and self.context and script["STARTTLS"][:1] == b"2":
                    peer = self.context.wrap_socket(peer, server_side=True)
                    heard.tls = True
                    script = {**script, **script.get("after_tls", {})}
                    stream = peer.makefile("rb")
        except OSError:
            pass
        finally:
            peer.close()

    def _answer(self, peer: socket.socket, reply: Any) -> bool:
        if reply is HANG:
            self._over.wait(20)
            return False
        if reply is DROP:
            return False
        peer.sendall(reply)
        return True

    @staticmethod
    def _mail(stream: Any) -> bytes:
        lines = []
        while (line := stream.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line)
        return b"".join(lines)
