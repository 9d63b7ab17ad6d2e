"""Figures as Markdown tables, and their places in docs/performance.md: `<!-- figures: NAME -->` to `<!-- end -->`."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.durable import Accepted
from benchmarks.process import Measured


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown; the first column to the left, figures to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine(measured_with: Mapping[str, str]) -> str:
    """Where and when: the load tells how quiet the machine was."""
    cores = len(os.sched_getaffinity(0))
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{cores} cores, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "load before": f"{os.getloadavg()[0]:.2f}",
        **measured_with,
    }
    return "; ".join(f"{name}: {value}" for name, value in facts.items())


def accepted(rows: Sequence[Accepted]) -> str:
    """(a) a line for each server and number of connections."""
    head = ["server", "connections", "mails/s", "CPU ms a mail", "times the null sink"]
    return table(
        head, [[r.server, r.connections, f"{r.rate:.0f}", f"{r.cpu:.2f}", f"{r.times_stock:.2f}"] for r in rows]
    )


def processed(runs: Sequence[Measured]) -> str:
    """(b) the runs side by side."""
    head = ["", *[_title(m) for m in runs]]
    return table(head, [[name, *cells] for name, cells in _lines(runs).items()])


def many(found: Mapping[str, Mapping[int, Measured]]) -> str:
    """(c) few and many tickets beside each other."""
    head = [
        "database",
        "tickets before",
        "mails/s to ticket",
        "mails/s to notice",
        "CPU ms a mail",
        "p50 ms",
        "against the fewest",
    ]
    rows = []
    for database, sizes in found.items():
        first = next(iter(sizes.values()))
        for size, m in sizes.items():
            change = (m.notice_rate / first.notice_rate - 1) * 100
            rate = [f"{m.ticket_rate:.0f}", f"{m.notice_rate:.0f}"]
            rows.append([database, f"{size:,}", *rate, f"{m.cpu:.1f}", f"{m.committed_p50:.0f}", f"{change:+.0f} %"])
    return table(head, rows)


def _title(m: Measured) -> str:
    return f"{m.database}, {'as fast as accepted' if not m.offered_rate else f'{m.offered_rate:.0f} mails/s offered'}"


def _lines(runs: Sequence[Measured]) -> dict[str, list[str]]:
    return {
        "mails (MB), connections": [f"{m.mails} ({m.megabytes:.0f}), {m.connections}" for m in runs],
        "accepted, mails/s": [f"{m.accepted_rate:.0f}" for m in runs],
        "**to the last committed ticket, mails/s**": [f"**{m.ticket_rate:.0f}**" for m in runs],
        "to the last notice at the relay, mails/s": [f"{m.notice_rate:.0f}" for m in runs],
        "**CPU ms a mail**, program": [f"**{m.cpu:.1f}**" for m in runs],
        "– its main process / its workers": [f"{m.cpu_main:.1f} / {m.cpu_workers:.1f}" for m in runs],
        "– the database server": ["–" if m.cpu_database is None else f"{m.cpu_database:.1f}" for m in runs],
        "250 to committed ticket, ms, p50 / p99": [f"{m.committed_p50:.0f} / {m.committed_p99:.0f}" for m in runs],
        "250 to notice rendered, ms, p50 / p99": [f"{m.rendered_p50:.0f} / {m.rendered_p99:.0f}" for m in runs],
        "replies that became comments": [f"{m.comments} of {m.replies}" for m in runs],
        "other outcomes than ticket and comment": [_other(m) for m in runs],
        "notices at the relay, of them DKIM-signed": [f"{m.notices}, {m.signed}" for m in runs],
        "peak memory, MB: main / all workers": [f"{m.memory_main:.0f} / {m.memory_workers:.0f}" for m in runs],
    }


def _other(m: Measured) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(m.other_outcomes.items())) or "none"


def write_into(document: Path, figures: Mapping[str, str]) -> None:
    """Put the tables between their markers. Raises ValueError for a marker that is not there."""
    text = document.read_text(encoding="utf-8")
    for name, content in figures.items():
        pattern = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{document} has no <!-- figures: {name} -->")
        text = pattern.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)  # noqa: B023
    document.write_text(text, encoding="utf-8")
