"""No mail costs more than its time and its memory to read, none raises, and each is JSON (M1, M4 to M6, M8 to M11, M13, R7, R8)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from mailgate.mail.limits import MIB, MailLimits
from mailgate.mail.parse import read_mail
from tests.fuzz.mutate import mutated, seeds
from tests.hostile.cost import Cost, cost_of, worst
from tests.hostile.mails import attacks
from tests.integration.gateway import PROGRAM

#: Of each family the ones that broke something once, or come nearest to a bound.
SAMPLE = (
    "nested-3000", "nested-rfc822", "parts-100k", "parts-headers", "boundary-far", "boundary-missing-spaces",
    "report-groups-100k", "headers-100k", "headers-fold-1", "to-20k", "subject-20k", "from-parens", "dkim-body-lines-simple",
    "dkim-h-spaces", "base64-junk-lines", "qp-soft-breaks", "charset-iso-2022-flood", "charset-utf-8-nul", "nul-everywhere",
    "body-crlf-4MiB", "line-4194304", "quote-depth", "quote-wrote-lines", "quote-command-spaces", "urls-20k", "urls-glued",
    "html-attributes", "html-entities-open", "html-depth", "html-css-1MB", "html-images-percent", "html-tables",
    "tnef-rtf", "smime-nested", "png-bomb-largest", "zip-bomb", "path-0", "calendar-attendees", "date-6", "references-100k",
)  # fmt: skip
_SECONDS = 2.0
_BYTES = 64 * MIB


def _check(costs: list[Cost]) -> None:
    wrong = [str(cost) for cost in costs if cost.fault or cost.cpu > _SECONDS or cost.beyond > _BYTES]
    assert wrong == []


def test_the_generator_is_large_enough_and_every_attack_is_a_mail_of_its_own() -> None:
    assert len(attacks()) > 700
    small = {name: write() for name, write in attacks().items() if name in SAMPLE}
    assert len(set(small.values())) == len(SAMPLE)


def test_a_sample_costs_little(capsys: pytest.CaptureFixture[str]) -> None:
    _check([cost_of(name, attacks()[name]()) for name in SAMPLE])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_attack_costs_little(capsys: pytest.CaptureFixture[str]) -> None:
    costs = [cost_of(name, write()) for name, write in attacks().items()]
    with capsys.disabled():
        print(f"\n  {len(costs)} attacks read; slowest and largest:\n{worst(costs)}")
    _check(costs)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_thousand_mutants_cost_little(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    dice, known = Random(seed), seeds()
    known += [raw for write in attacks().values() if len(raw := write()) < 20_000]
    costs = [cost_of(f"mutant {n}", mutated(dice, known)) for n in range(2_000)]
    with capsys.disabled():
        print(f"\n  {len(costs)} mutants of seed {seed}; slowest and largest:\n{worst(costs)}")
    _check(costs)


def _parsed(folder: Path, names: list[str]) -> None:
    """`mailgate parse` over files: its exit code, no traceback, one object a file."""
    files = []
    for name in names:
        files.append(folder / f"{name.replace('/', '-')}.eml")
        files[-1].write_bytes(attacks()[name]())
    done = subprocess.run([PROGRAM, "parse", "--json", *files], capture_output=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-500:]
    assert b"Traceback" not in done.stderr
    lines = done.stdout.decode("utf-8").split("\n")
    assert [Path(json.loads(line)["file"]).name for line in lines if line] == [file.name for file in files]


def test_parse_prints_each_as_json(tmp_path: Path) -> None:
    _parsed(tmp_path, list(SAMPLE))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_parse_prints_every_attack_as_json(tmp_path: Path) -> None:
    names = list(attacks())
    for at in range(0, len(names), 100):
        _parsed(tmp_path, names[at : at + 100])


@pytest.mark.parametrize(
    "name", ["rfc822-of-agent", "rfc822-only-of-agent", "smime-of-agent", "rfc822-base64", "partial"]
)
def test_what_is_inside_a_wrapper_is_nobodys_name(name: str) -> None:
    """M14: the mail's own From, subject and ids count, whatever it wraps."""
    message = read_mail(attacks()[name](), MailLimits()).message
    assert message.author is not None
    assert message.author.address == f"{name}@hostil.test"
    assert "[SUP-1]" not in message.subject
    assert message.in_reply_to is None
    assert message.references == ()
    if name != "partial":
        assert "#fechar" not in message.reply


@pytest.mark.parametrize(
    "name",
    [
        "zip-bomb",
        "gzip-bomb",
        "png-bomb",
        "gif-bomb",
        "jpeg-bomb",
        "webp-bomb",
        "xml-bomb",
        "svg-bomb",
        "docx-bomb",
        "pdf-bomb",
    ],
)
def test_bombs_stay_what_they_are(name: str) -> None:
    """R7: nothing is unpacked, decoded or scaled; the file is there with its bytes."""
    cost = cost_of(name, attacks()[name]())
    assert (cost.fault, cost.growth < 32 * MIB, cost.cpu < 1.0) == ("", True, True), cost
