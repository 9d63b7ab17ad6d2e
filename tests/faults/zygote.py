"""`mailgate serve` many times, with its imports paid once: `python zygote.py FOLDER ROLES`.

For each line on standard input a child is forked that serves; "PID NUMBER" when it listens, "ended NUMBER CODE" when
it is gone (negative: a signal). What a child prints goes to FOLDER/serve.log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mailgate import log
from mailgate.errors import MailgateError
from mailgate.serving.serve import Options, choose_roles, run
from mailgate.settings import load_settings


def _serve(home: Path, roles: str, to: int) -> int:
    os.setsid()
    out = os.open(home / "serve.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    log.set_up(level="warning")

    def ready(_bound: dict[str, str]) -> None:
        os.write(to, f"PID {os.getpid()}\n".encode())
        os.close(to)

    try:
        run(load_settings(home / "mailgate.yaml"), Options(choose_roles(roles), 1, ready))
    except MailgateError as error:
        os.write(2, f"{error}\n".encode())
        return error.exit_code
    return 0


def main(home: Path, roles: str) -> None:
    """Fork until standard input ends."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = _serve(home, roles, os.dup(1))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {child} {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
