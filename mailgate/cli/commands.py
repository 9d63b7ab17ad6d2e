"""All commands under one roof, in the order of their help, and what each error means as an exit code."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from mailgate import __version__
from mailgate.cli import (
    admin,
    auditing,
    directory,
    dkim,
    erasing,
    explain,
    inviting,
    keeping,
    knowledge,
    mail,
    notice,
    people,
    rules,
    serve,
    stats,
    ticket,
    timeline,
    waiting,
)
from mailgate.errors import EX_CONFIG, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE, MailgateError
from store.bucket import BucketAway
from store.errors import StoreBusy, StoreError, StoreTooNew

HELP = """mailgate turns mail into tickets and answers into mail.

Start with `mailgate init`, then `mailgate check`, then `mailgate serve`; or try it all with `mailgate demo`.
"""
_SETTING_UP, _MAIL, _PEOPLE, _KEEPING = "Set up and run", "Mail", "Tickets and people", "Keep and erase"
_PANELS = {
    "init": _SETTING_UP, "check": _SETTING_UP, "serve": _SETTING_UP, "doctor": _SETTING_UP, "migrate": _SETTING_UP,
    "demo": _SETTING_UP, "parse": _MAIL, "ingest": _MAIL, "export": _MAIL, "explain": _MAIL, "stats": _PEOPLE,
    "timeline": _MAIL, "backup": _KEEPING, "restore": _KEEPING, "verify": _KEEPING,
    "erase": _KEEPING, "audit": _KEEPING,
}  # fmt: skip

app = typer.Typer(
    help=HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False
)
for group in (
    admin.app,
    serve.app,
    mail.app,
    explain.app,
    stats.app,
    timeline.app,
    auditing.app,
    keeping.app,
    erasing.app,
):
    for command in group.registered_commands:
        name = str(command.name or getattr(command.callback, "__name__", ""))
        command.rich_help_panel = _PANELS.get(name, "More")
    app.registered_commands += group.registered_commands
    app.registered_groups += group.registered_groups
app.add_typer(dkim.app, name="dkim", rich_help_panel=_SETTING_UP)
app.add_typer(waiting.held, name="held", rich_help_panel=_MAIL)
app.add_typer(waiting.outbox, name="outbox", rich_help_panel=_MAIL)
app.add_typer(notice.app, name="notice", rich_help_panel=_MAIL)
app.add_typer(rules.app, name="rules", rich_help_panel=_MAIL)
app.add_typer(knowledge.app, name="knowledge", rich_help_panel=_MAIL)
app.add_typer(ticket.app, name="ticket", rich_help_panel=_PEOPLE)
app.add_typer(inviting.contacts, name="contact", rich_help_panel=_PEOPLE)
app.add_typer(people.agents, name="agent", rich_help_panel=_PEOPLE)
app.add_typer(people.organisations, name="organisation", rich_help_panel=_PEOPLE)
app.add_typer(directory.branches, name="branch", rich_help_panel=_PEOPLE)


@app.command(rich_help_panel=_SETTING_UP)
def version() -> None:
    """Print the version.

    Example: mailgate version
    """
    print(__version__)


def outcome(arguments: list[str]) -> int:
    """Run a command; its exit code. What is expected is said in one sentence here, the rest is raised."""
    try:
        result = app(arguments, prog_name="mailgate", standalone_mode=False)
    except TyperException as error:  # what was typed is wrong; typer says how to write it
        error.show()  # type: ignore[attr-defined]
        return EX_USAGE
    except typer.Abort:
        return 130
    except typer.Exit as error:
        return error.exit_code
    except MailgateError as error:
        print(f"mailgate: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)
        return error.exit_code
    except StoreError as error:
        print(f"mailgate: {error}", file=sys.stderr)
        if isinstance(error, StoreTooNew):
            return EX_CONFIG  # no later try helps: a supervisor that starts it again and again is to give up
        return EX_TEMPFAIL if isinstance(error, StoreBusy) else EX_UNAVAILABLE
    except BucketAway as error:
        print(f"mailgate: {error}", file=sys.stderr)
        return EX_TEMPFAIL
    return result if isinstance(result, int) else 0
