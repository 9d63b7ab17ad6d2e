#!/usr/bin/env python3
"""Put the servers that the integration tests drive onto this machine, where that is possible.

Run by `make test` with any python3; nothing beyond the standard library. As root on Debian (or a relative of it) what
is missing is installed by apt, without starting it; elsewhere a line says what is left out and why. In CI (CI=true or
MAILGATE_CI=1) a server that is missing afterwards is an error.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin"])
POLICY = "/usr/sbin/policy-rc.d"
APT_SECONDS = 900

# Package, what it is for, and how to see that it is there: all of these exist.
WANTED = (
    ("postgresql", "the second database", ("/usr/lib/postgresql/*/bin/initdb",)),
    ("dovecot-imapd", "mail by IMAP", ("dovecot", "/usr/lib/dovecot/imap")),
    ("postfix", "mail by LMTP and pipe, and a relay", ("postfix",)),
    ("chromium", "the portal in a browser", ("chromium",)),
    ("swaks", "mail from a terminal", ("swaks",)),
    ("systemd", "the unit's switches, read and judged", ("systemd-analyze",)),
    ("libfaketime", "a clock that is set forth and back", ("/usr/lib/*/faketime/libfaketime.so.1",)),
    ("strace", "system calls: their order, and what happens when they fail", ("strace",)),
)


def present(signs: Sequence[str]) -> bool:
    """True if every sign is there: a path pattern, or a program's name."""
    return all(bool(glob.glob(sign)) if sign.startswith("/") else bool(shutil.which(sign, path=PATH)) for sign in signs)


def missing() -> list[tuple[str, str]]:
    """The (package, purpose) pairs that are not on this machine."""
    return [(package, purpose) for package, purpose, signs in WANTED if not present(signs)]


def why_not() -> str:
    """Why nothing can be installed here; "" when it can."""
    if not shutil.which("apt-get", path=PATH):
        return "this machine has no apt-get"
    if os.geteuid() != 0:
        return "only root may install packages"
    return ""


@contextlib.contextmanager
def services_kept_off() -> Iterator[None]:
    """While this lasts, packages do not start what they install (policy-rc.d); an existing policy is left alone."""
    if os.path.exists(POLICY):
        yield
        return
    with open(POLICY, "w") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    os.chmod(POLICY, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    try:
        yield
    finally:
        os.unlink(POLICY)


def apt(*arguments: str) -> str:
    """Run apt-get quietly; returns the end of its output if it failed, else ""."""
    command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", *arguments]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", PATH=PATH)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=APT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stdout.decode(errors="replace")[-2000:]


def install(packages: Sequence[str]) -> None:
    """Install what can be; one package that fails does not keep the others out."""
    with services_kept_off():
        trouble = apt("update")
        if trouble:
            say("apt-get update failed; trying with the lists that are here", trouble)
        if not apt("install", "--no-install-recommends", *packages):
            return
        for package in packages:
            trouble = apt("install", "--no-install-recommends", package)
            if trouble:
                say(f"{package} could not be installed", trouble)


def say(line: str, detail: str = "") -> None:
    print(f"system packages: {line}", flush=True)
    for part in detail.splitlines()[-6:]:
        print(f"    {part}", flush=True)


def main() -> int:
    absent = missing()
    if not absent:
        say("all here (" + ", ".join(package for package, _, _ in WANTED) + ")")
        return 0
    obstacle = why_not()
    if not obstacle:
        say("installing " + ", ".join(package for package, _ in absent) + " by apt ...")
        install([package for package, _ in absent])
    left_out = missing()
    for package, purpose in absent:
        if (package, purpose) not in left_out:
            say(f"{package} installed")
    for package, purpose in left_out:
        say(f"{package} left out, and with it the tests of {purpose}: {obstacle or 'apt could not install it'}")
    in_ci = os.environ.get("CI", "").lower() in ("true", "1") or os.environ.get("MAILGATE_CI") == "1"
    return 1 if left_out and in_ci else 0


if __name__ == "__main__":
    sys.exit(main())
