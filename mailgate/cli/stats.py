"""`mailgate stats`: what was done in a period."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, house, print_json, print_table, print_text, when

if TYPE_CHECKING:
    from mailgate.notify.views import FiguresView

app = typer.Typer()


@app.command()
def stats(
    since: Annotated[str, typer.Option(help="From when: 2026-11-30, or 7d for the last week.")] = "7d",
    until: Annotated[str, typer.Option(help="To when, likewise; default now.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what was opened, solved and overdue, the first answer and the rating, by agent and department.

    Example: mailgate stats --since 30d --json
    """
    from mailgate.cli.mail import since_when
    from mailgate.flows.figures import of_period

    with house(config) as opened:
        settings = opened.settings
        now = opened.site.clock()
        begin = since_when(since, now) or now - timedelta(days=7)
        end = (since_when(until, now) if until else None) or now
        with opened.database.read() as connection:
            found = of_period(connection, opened.site, begin, end, settings.locale)
        groups = (("all", (found.total,)), ("agent", found.by_agent), ("department", found.by_department))
        if json:
            for by, rows in groups:
                for row in rows:
                    figures = {**asdict(row), "first_answer_seconds": row.first_answer}
                    del figures["first_answer"]
                    print_json({"by": by, "since": begin, "until": end, **figures})
            return
        print_text(f"{when(begin, settings)} to {when(end, settings)}")
        columns = ("", "opened", "solved", "overdue", "first answer", "rating")
        print_table(columns, [(row.name or by, *_shown(row)) for by, rows in groups for row in rows])


def _shown(row: FiguresView) -> tuple[object, ...]:
    answer = None if row.first_answer is None else f"{row.first_answer / 3600:.1f} h"
    rating = None if row.rating is None else f"{row.rating:.1f} ({row.ratings})"
    return row.opened, row.solved, row.overdue, answer, rating
