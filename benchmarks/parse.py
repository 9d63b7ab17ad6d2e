"""Reading mails: `python -m benchmarks.parse` compares our reading with Python's `email` and with bare mail-parser.

Ours does all of it: limits, structure, characters, text, cleaned HTML, the reply without quotes, attachments with their
digests, kind of mail, bounce. `email` (policy.default) and mail-parser give headers, texts and decoded attachments.
Rates are of processor time on one core, so that what else the machine does matters less; the three take turns, and the
median of the rounds counts. Memory is the growth of a fresh process' peak over what it had with all modules loaded.
"""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import mailparser

from benchmarks import mix, tables
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail
from mailgate.mail.phrases import words

CRLF = "\r\n"
LIMITS = MailLimits()
_WORDS = sorted(
    words(
        """
    pedido servidor impressora nota fiscal boleto acesso senha rede cliente sistema erro tela relatório usuário não
    consigo desde ontem quando aparece mensagem por favor obrigado
    """
    )
)
Reader = Callable[[bytes], object]


def with_ours(raw: bytes) -> object:
    return read_mail(raw, LIMITS)


def with_email(raw: bytes) -> object:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    found: list[object] = [message[name] for name in ("from", "to", "subject", "date", "message-id")]
    for part in message.walk():
        if not part.is_multipart():
            text = part.get_content_maintype() == "text"
            found.append(part.get_content() if text else part.get_payload(decode=True))
    return found


def with_mail_parser(raw: bytes) -> object:
    mail = mailparser.parse_from_bytes(raw)
    return mail.from_, mail.to, mail.subject, mail.date, mail.message_id, mail.body, mail.attachments, mail.received


READERS: dict[str, Reader] = {"mailgate": with_ours, "email": with_email, "mail-parser": with_mail_parser}


def text(random: Random, octets: int) -> str:
    """Portuguese sentences of so many bytes, lines of some 80."""
    lines: list[str] = []
    size = 0
    while size < octets:
        line = " ".join(random.choice(_WORDS) for _ in range(11)).capitalize() + "."
        lines.append(line)
        size += len(line.encode()) + 2
    return CRLF.join(lines) + CRLF


def head(random: Random, number: int) -> str:
    host = f"out{number}.cliente.test"
    return CRLF.join(
        [
            f"Received: from pc{number}.cliente.test (pc{number}.cliente.test [192.0.2.{number % 250}])",
            f"\tby {host} with ESMTPSA id {random.getrandbits(32):x}; Mon, 02 Mar 2026 10:00:{number % 60:02} -0300",
            f"Received: from {host} ({host} [198.51.100.7]) by mx.example.test with ESMTPS id {number};",
            f"\tMon, 02 Mar 2026 10:01:{number % 60:02} -0300",
            f"From: Ana Souza {number} <ana{number}@cliente.test>",
            f"To: Suporte <suporte{number}@example.test>",
            f"Subject: =?utf-8?Q?Impressora_{number}_n=C3=A3o_imprime?=",
            "Date: Mon, 02 Mar 2026 10:00:00 -0300",
            f"Message-ID: <{random.getrandbits(64):x}@cliente.test>",
            "MIME-Version: 1.0",
            "",
        ]
    )


def part(content_type: str, body: str, encoding: str = "8bit", more: str = "") -> str:
    return f"Content-Type: {content_type}{CRLF}Content-Transfer-Encoding: {encoding}{CRLF}{more}{CRLF}{body}"


def multipart(kind: str, boundary: str, parts: Sequence[str]) -> str:
    inner = "".join(f"--{boundary}{CRLF}{one}{CRLF}" for one in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"{CRLF}{CRLF}{inner}--{boundary}--{CRLF}'


def encoded(data: bytes) -> str:
    return base64.encodebytes(data).decode().replace("\n", CRLF)


def plain_mail(random: Random, number: int) -> bytes:
    return (head(random, number) + part("text/plain; charset=utf-8", text(random, 4400))).encode()


def page_mail(random: Random, number: int, said: int, picture_octets: int) -> bytes:
    paragraphs = text(random, said).split(CRLF)
    page = "".join(f'<p style="font-family:Calibri;color:#1f497d">{one}</p>{CRLF}' for one in paragraphs)
    page = f'<html><body>{page}<a href="https://cliente.test/{number}">aqui</a><img src="cid:foto@pc"></body></html>'
    texts = [part("text/plain; charset=utf-8", CRLF.join(paragraphs)), part("text/html; charset=utf-8", page)]
    picture = part(
        "image/png; name=tela.png", encoded(mix.png(random, picture_octets)), "base64", f"Content-ID: <foto@pc>{CRLF}"
    )
    return (
        head(random, number) + multipart("related", "=_r", [multipart("alternative", "=_a", texts), picture])
    ).encode()


def document_mail(random: Random, number: int, octets: int) -> bytes:
    said = f"Content-Disposition: attachment; filename=nota{number}.pdf{CRLF}"
    document = part(f"application/pdf; name=nota{number}.pdf", encoded(mix.pdf(random, octets)), "base64", said)
    return (
        head(random, number) + multipart("mixed", "=_m", [part("text/plain", text(random, 500)), document])
    ).encode()


def mails() -> dict[str, list[bytes]]:
    """The four sizes, the second in two kinds, several of each so that nothing is merely remembered."""
    random = Random(20260302)
    return {
        "5 KB text": [plain_mail(random, n) for n in range(1500)],
        "60 KB HTML and picture": [page_mail(random, n, 4_400, 34_000) for n in range(100)],
        "60 KB, nearly all HTML": [page_mail(random, n, 18_500, 5_000) for n in range(100)],
        "1.4 MB with a PDF": [document_mail(random, n, 1_010_000) for n in range(4)],
        "25 MB": [document_mail(random, 0, 18_000_000)],
    }


def rates(raws: Sequence[bytes], seconds: float, rounds: int) -> dict[str, float]:
    """Mails a second of processor time, by reader."""
    measured: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, reader in READERS.items():
            count, begin = 0, time.process_time()
            while not count or time.process_time() - begin < seconds:
                for raw in raws:
                    reader(raw)
                count += len(raws)
            measured[name].append(count / (time.process_time() - begin))
    return {name: statistics.median(values) for name, values in measured.items()}


def peak() -> int:
    """The most memory this process ever had resident, in bytes (of its own: `ru_maxrss` is its parent's on Linux)."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _growth(name: str, path: str, answer: multiprocessing.Queue[int]) -> None:
    READERS[name](plain_mail(Random(1), 1))
    with open(path, "rb") as file:
        raw = file.read()
    before = peak()
    kept = READERS[name](raw)
    answer.put(peak() - before)
    del kept


def growth(name: str, path: Path) -> int:
    """Bytes that a fresh process needs beside the mail itself."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_growth, args=(name, str(path), answer))
    process.start()
    found = answer.get(timeout=300)
    process.join()
    return found


def measure(seconds: float, rounds: int, folder: Path) -> str:
    rows = []
    for size, raws in mails().items():
        print(f"{size} ...", file=sys.stderr, flush=True)
        found = rates(raws, seconds, rounds)
        path = folder / "mail.eml"
        path.write_bytes(raws[0])
        memory = {name: growth(name, path) for name in READERS}
        path.unlink()
        rows.append(
            [f"{size} ({len(raws[0]) / 1000:,.0f} KB)"]
            + [f"{rate:,.0f}" if rate >= 20 else f"{rate:.1f}" for rate in found.values()]
            + [f"{found['mailgate'] / found['mail-parser']:.1f}"]
            + [f"{memory[name] / 1e6:.0f}" for name in READERS]
        )
    names = [f"{name}, mails/s" for name in READERS]
    return tables.table(["mail", *names, "times mail-parser", *[f"{name}, MB" for name in READERS]], rows)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="processor time of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(), help="where one mail is put for a moment")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this document, at its marker")
    options = parser.parse_args(arguments)
    content = f"{tables.machine({})}\n\n{measure(options.seconds, options.rounds, options.folder)}"
    print(content)
    if options.write is not None:
        tables.write_into(options.write, {"parse": content})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
