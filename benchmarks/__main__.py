"""Measure mailgate on this machine: `python -m benchmarks`, or `make bench`; docs/performance.md says how to read it.

Each part starts the real program with its own configuration in a temporary folder, and everything it started is ended
by its process id. A quiet machine is wanted: the load goes on the same cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import accept, durable, many, process, tables
from benchmarks.process import Measured, Plan
from benchmarks.running import Databases, installed, postgres

PARTS = ("accept", "process", "many")
SQLITE, POSTGRES = "SQLite", "PostgreSQL"
Figures = tuple[str, Any]
_JSON = Path("benchmarks/figures.json")


def say(text: str) -> None:
    """Progress, for the person who waits."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def databases(options: argparse.Namespace) -> Iterator[dict[str, Databases | None]]:
    """What is measured on: SQLite always, PostgreSQL unless it was left out."""
    found: dict[str, Databases | None] = {} if options.only == "postgresql" else {SQLITE: None}
    with contextlib.ExitStack() as stack:
        if options.only != "sqlite":
            found[POSTGRES] = stack.enter_context(postgres(options.postgres))
        yield found


def measure_accept(options: argparse.Namespace) -> Figures:
    """(a)"""
    mails, rounds = (400, 1) if options.quick else (3000, 3)
    with databases(options) as found:
        rows = durable.run(found, 5120, mails, rounds, say)
    with_what = "smtp-source" if accept.SMTP_SOURCE else "our own generator (no smtp-source here)"
    title = f"{mails} mails of 5 KB a round, sent by {with_what}; medians of {rounds} rounds.\n\n"
    return title + tables.accepted(rows), [asdict(row) for row in rows]


def measure_process(options: argparse.Namespace) -> Figures:
    """(b)"""
    plan = Plan(options.mails or (200 if options.quick else 3000), 40 if options.quick else 100, options.connections)
    runs: list[Measured] = []
    with databases(options) as found:
        for name, source in found.items():
            with installed(source.new() if source else "sqlite", options.profile) as place:
                say(f"{name}: {plan.mails} mails ...")
                runs += process.run(place, name, plan, source.cpu if source else process.no_cpu)
    return tables.processed(runs), [run.as_json() for run in runs]


def measure_many(options: argparse.Namespace) -> Figures:
    """(c)"""
    plan = Plan(options.mails or (200 if options.quick else 2000), 40 if options.quick else 100, options.connections)
    counts, rounds = ((1_000, 10_000), 1) if options.quick else (many.SIZES, 3)
    with databases(options) as found:
        rows = {name: many.run(name, source, plan, counts, rounds, say) for name, source in found.items()}
    title = f"{plan.mails} mails a round, the round of median speed of {rounds}.\n\n"
    as_json = {name: {size: run.as_json() for size, run in sizes.items()} for name, sizes in rows.items()}
    return title + tables.many(rows), as_json


MEASURE: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "accept": measure_accept,
    "process": measure_process,
    "many": measure_many,
}


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--quick", action="store_true", help="small and rough: whether it works, not how fast it is")
    parser.add_argument("--mails", type=int, help="how many mails a measured run has (process, many)")
    parser.add_argument("--connections", type=int, default=10, help="SMTP connections at once (process, many)")
    parser.add_argument(
        "--postgres", metavar="URL", help="an empty database, instead of a cluster of our own (process)"
    )
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="measure on one database")
    parser.add_argument("--json", type=Path, help=f"figures as JSON; by default {_JSON}, of --quick nowhere")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document, at its markers")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="sample where CPU time goes (process)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what we started is ended in good order
    if options.profile is not None:
        options.profile = options.profile.absolute()
        options.profile.mkdir(parents=True, exist_ok=True)
    where = tables.machine({"kind": "quick, not to be quoted"} if options.quick else {})
    texts, figures = {}, {}
    for part in PARTS if options.part == "all" else (options.part,):
        say(f"--- {part}")
        content, figures[part] = MEASURE[part](options)
        texts[part] = f"{where}\n\n{content}"
        print(f"\n{texts[part]}\n", flush=True)
    target = options.json or (None if options.quick else _JSON)
    if target is not None:
        target.write_text(json.dumps({"machine": where, **figures}, indent=2) + "\n")
    if options.write is not None:
        tables.write_into(options.write, texts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
