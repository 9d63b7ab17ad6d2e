"""Dovecot on a free loopback port: IMAP with plain passwords, Maildir folders, IDLE and MOVE, all below one folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from imapclient import IMAPClient

from tests.integration.machine import (
    LOOPBACK,
    Process,
    account,
    find_program,
    folder,
    free_port,
    greets,
    is_root,
    missing,
    wait_until,
)

_CONFIG = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = {loopback}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_location = maildir:{home}/mail/%u
mail_uid = {mail_owner}
mail_gid = {mail_group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 50
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
# Without this one wrong password slows down every later login from the same address.
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Dovecot:
    """A running Dovecot with the users it was given. Tests that share it take a `new_user` each."""

    host = LOOPBACK

    def __init__(self, home: Path, port: int, process: Process) -> None:
        self.home = home
        self.port = port
        self._process = process
        self._numbers = count(1)

    def start(self) -> None:
        self._process.start(lambda: greets(self.port, b"* OK"))

    def stop(self) -> None:
        """End it with every session that is open, as a restart of the mail server does."""
        self._process.stop(signal.SIGTERM)

    def kill9(self) -> None:
        """As a crash: the server and everything that it has under way, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stop(signal.SIGKILL)
        for leftover in (self.home / "run").glob("master.pid"):
            leftover.unlink()

    def restart(self) -> None:
        self.stop()
        self.start()

    def add_user(self, name: str, password: str = "secret") -> None:
        """A user with an empty INBOX; also sets a new password."""
        file = self.home / "users"
        others = [line for line in file.read_text().splitlines() if not line.startswith(f"{name}:")]
        file.write_text("\n".join([*others, f"{name}:{password}::::::", ""]))

    def new_user(self, password: str = "secret") -> str:
        """The name of a user that no other test has."""
        name = f"suporte{next(self._numbers)}"
        self.add_user(name, password)
        wait_until(lambda: self._accepts(name, password), what=f"the login of {name}")
        return name

    @contextlib.contextmanager
    def client(self, user: str = "suporte", password: str = "secret") -> Iterator[IMAPClient]:
        """A logged-in connection with a limit of 10 s on every answer."""
        connection = IMAPClient(self.host, port=self.port, ssl=False, timeout=10)
        try:
            connection.login(user, password)
            yield connection
        finally:
            with contextlib.suppress(Exception):
                connection.logout()

    def append(self, raw: bytes, user: str = "suporte", to: str = "INBOX", flags: Sequence[bytes] = ()) -> None:
        """Put a mail into a folder, which is made when it is not there."""
        with self.client(user) as client:
            if not client.folder_exists(to):
                client.create_folder(to)
            client.append(to, raw, flags=flags)

    def mails(self, user: str = "suporte", of: str = "INBOX") -> dict[int, bytes]:
        """UID to bytes of every mail of a folder; empty when there is no such folder. Flags stay as they are."""
        with self.client(user) as client:
            if not client.folder_exists(of):
                return {}
            client.select_folder(of, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[]"])
            return {uid: parts[b"BODY[]"] for uid, parts in found.items()}

    def flags(self, user: str = "suporte", of: str = "INBOX") -> dict[int, set[bytes]]:
        """UID to flags of every mail of a folder."""
        with self.client(user) as client:
            client.select_folder(of, readonly=True)
            return {uid: set(flags) for uid, flags in client.get_flags(client.search()).items()}

    def uid_validity(self, user: str = "suporte", of: str = "INBOX") -> int:
        with self.client(user) as client:
            return int(client.folder_status(of, ["UIDVALIDITY"])[b"UIDVALIDITY"])

    def forget_uids(self, user: str = "suporte", of: str = "INBOX") -> int:
        """Lose the folder's UIDs while it runs, as after a restore. Returns the new UIDVALIDITY (RFC 9051 §2.3.1.1).

        The clock's second becomes the number, so the files are taken away until the number is another. Sessions
        are ended before they can write down what they knew: the same UIDVALIDITY with other UIDs would be a lie.
        """
        before = self.uid_validity(user, of)
        maildir = self.home / "mail" / user / ("" if of == "INBOX" else f".{of}")

        def lost() -> int:
            sessions = self._sessions()
            for pid in sessions:
                os.kill(pid, signal.SIGSTOP)
            for pattern in ("dovecot-uidlist*", "dovecot.index*", "dovecot-uidvalidity*"):
                for place in {maildir, self.home / "mail" / user}:
                    for file in place.glob(pattern):
                        file.unlink()
            for pid in sessions:
                os.kill(pid, signal.SIGKILL)
            try:
                after = self.uid_validity(user, of)
            except IMAPClient.Error:  # "Mailbox was deleted under us": it looks again
                return 0
            return after if after != before else 0

        return wait_until(lost, limit=10, what="another UIDVALIDITY", every=0.2)

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def _sessions(self) -> list[int]:
        """The processes that serve who is logged in."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "imap"]

    def _accepts(self, user: str, password: str) -> bool:
        try:
            with self.client(user, password):
                return True
        except IMAPClient.Error:
            return False


@contextlib.contextmanager
def running_dovecot() -> Iterator[Dovecot]:
    """Configure Dovecot, run it, stop it. Skips where dovecot-imapd is missing. Users: suporte, vendas (secret)."""
    program = find_program("dovecot")
    if not any(Path(place).exists() for place in ("/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap")):
        missing("dovecot-imapd is not installed")
    # As root Dovecot insists on three different people: its own, the one before login, and the mails' owner.
    mail_owner = account("nobody")
    with folder("imap") as home:
        (home / "mail").mkdir()
        (home / "state").mkdir()
        (home / "users").touch()
        (home / "users").chmod(0o644)
        if is_root():
            shutil.chown(home / "mail", mail_owner)
        port = free_port()
        internal, login = account("dovecot"), account("dovenull")
        text = _CONFIG.format(
            home=home,
            loopback=LOOPBACK,
            port=port,
            internal=internal,
            internal_group=_group(internal),
            login=login,
            mail_owner=mail_owner,
            mail_group=_group(mail_owner),
        )
        config = home / "dovecot.conf"
        config.write_text(text)
        process = Process([program, "-F", "-c", config], home / "output", cwd=home)
        server = Dovecot(home, port, process)
        for user in ("suporte", "vendas"):
            server.add_user(user)
        try:
            server.start()
            yield server
        except AssertionError as error:
            log = home / "log"
            raise AssertionError(f"{error}\n{log.read_text() if log.exists() else ''}") from error
        finally:
            server.stop()


def _group(user: str) -> str:
    gid = pwd.getpwnam(user).pw_gid
    return subprocess.run(["id", "-gn", user], capture_output=True, text=True).stdout.strip() or str(gid)
