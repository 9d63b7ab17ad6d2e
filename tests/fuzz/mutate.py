"""Mails broken on purpose, for as long as is wanted: `python -m tests.fuzz.mutate --seconds 3600`.

The seeds are the golden mails (and those of the folder in MAILGATE_CORPORA, where there is one); each round a few of
them are cut, spliced and dirtied. What is found (an exception, a lone surrogate, a header with a line end, more than
two seconds of processor time) is written to `--keep` as a mail; a case for tests/fuzz/cases/ once it is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from mailgate.mail.asjson import as_json
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

GOLDEN = Path(__file__).parent.parent / "golden" / "inbound"
LIMITS = MailLimits()
_LARGEST_SEED = 200_000
#: What breaks readers: delimiters, encodings, charsets, quotes, nesting.
TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b"--", b"=?utf-8?B?", b"=?iso-2022-jp?Q?", b"?=", b"=?", b"=", b"=\r\n", b"\x1b$B",
    b"\x1b(B", b"<", b">", b'"', b"\\", b"(", b")", b";", b":", b",", b"@", b"begin 644 a\r\n", b"\r\nend\r\n",
    b"From ", b"From: a@b.test\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"--b\r\n", b"--b--\r\n",
    b"Content-Type: text/plain; charset=utf-16; format=flowed; delsp=yes\r\n", b"filename*0*=utf-8''%C3",
    b"; boundary=", b"Content-Type: application/ms-tnef\r\n", b"Content-Type: application/pkcs7-mime\r\n",
    b"\xff\xfe", b"\xef\xbb\xbf",
    b"<div>", b"<blockquote type=cite>", b"<style>", b"<!--", b"<a href='", b"&#x", b"\xc3", b"\xed\xa0\x80", b"+AGE-",
)  # fmt: skip


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One seed with one to eight blows."""
    raw = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(raw) + 1)
        size = min(random.choice((1, 2, 8, 40, 300)), len(raw) - at)
        blow = random.randrange(7)
        if blow == 0:
            raw[at : at + size] = b""
        elif blow == 1:
            raw[at:at] = random.choice(TOKENS) * random.choice((1, 1, 1, 2, 50))
        elif blow == 2 and size:
            raw[at : at + size] = random.randbytes(size)
        elif blow == 3:
            other = random.choice(seeds)
            begin = random.randrange(len(other) + 1)
            raw[at:at] = other[begin : begin + random.choice((20, 200, 2000))]
        elif blow == 4:
            raw[at:at] = raw[at : at + size] * random.choice((1, 3, 100))
        elif blow == 5 and raw:
            raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        elif blow == 6:
            del raw[at + 1000 :]
    return bytes(raw[: 2 * _LARGEST_SEED])


def fault(raw: bytes) -> str:
    """What is wrong with our reading of it, "" for nothing."""
    begin = time.process_time()
    try:
        mail = read_mail(raw, LIMITS, mail_from="")
        json.dumps(as_json("x", mail), ensure_ascii=False).encode("utf-8")
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    took = time.process_time() - begin
    if took > 2.0:
        return f"{took:.1f} s"
    if any("\n" in value or "\r" in value for _, value in mail.message.headers):
        return "a header of two lines"
    return "NUL in the text" if "\0" in mail.message.text else ""


def seeds() -> list[bytes]:
    paths = sorted(GOLDEN.glob("*/message.eml"))
    folder = os.environ.get("MAILGATE_CORPORA")
    paths += sorted(Path(folder).rglob("*.eml")) if folder else []
    return [path.read_bytes() for path in paths if path.stat().st_size <= _LARGEST_SEED]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutate", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"))
    options = parser.parse_args(arguments)
    random, known = Random(options.seed), seeds()
    count, found = 0, set()
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        raw = mutated(random, known)
        count += 1
        what = fault(raw)
        if what and what[:40] not in found:
            found.add(what[:40])
            options.keep.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(raw).hexdigest()[:12]
            (options.keep / f"{name}.eml").write_bytes(raw)
            print(f"{name}: {what}", flush=True)
    print(f"{count} mails, {len(found)} faults, seed {options.seed}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
