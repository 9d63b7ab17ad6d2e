"""`mailgate erase`: a contact who wants to be forgotten."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, address_of, load, print_json, say
from mailgate.errors import DataError, UsageError

if TYPE_CHECKING:
    from mailgate.flows.erasing import Eraser
    from mailgate.settings import Settings
    from store.engine import Database
    from store.erasing import Found

app = typer.Typer()


@app.command()
def erase(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Any address of the contact.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; what is erased is gone for good.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a contact for good: messages, files, mails, notices, links, sessions, preferences; 65 if there is none.

    Example: mailgate erase ana@cliente.com.br --yes
    """
    from mailgate.flows import erasing as work
    from mailgate.opening import open_database
    from store import eraselist, people

    os.umask(0o077)
    settings, wanted = load(config), address_of(address)
    now = settings.now()()
    database = open_database(settings, migrate=False)
    try:
        eraser = eraser_of(settings, database)
        with database.read() as connection:
            if people.agent_by_address(connection, wanted) is not None:
                raise DataError(f"{wanted} is an agent: take the entry out of `agents` of mailgate.yaml first")
            contact, _, addresses = work.whose(connection, wanted)
            found = work.find(connection, eraser.blobs, contact, addresses)
            left = eraselist.unfinished(connection)
        if found.nothing and not left:
            raise DataError(f"nothing is kept of {wanted}")
        if not found.nothing:
            say(f"{', '.join(addresses)}: {_counted(found)}")
            _ask(yes)
            found = work.erase(eraser, wanted, now)
        else:
            work.finish(eraser, now)
    finally:
        database.close()
    if json:
        print_json({
            "kind": "erased", "tickets": len(found.tickets), "comments": len(found.comments),
            "mails": len(found.mails), "files": len(found.blobs),
        })  # fmt: skip
    say("erased; backups made before still hold it until they are deleted, and a restore erases it again")


def eraser_of(settings: Settings, database: Database) -> Eraser:
    """What erasing works with, out of the settings."""
    from mailgate.app import read_company_of
    from mailgate.flows.erasing import Eraser
    from mailgate.links.tokens import load_mint
    from mailgate.opening import open_blobs

    closed = read_company_of(settings).workflow.first_of("closed")
    return Eraser(database, open_blobs(settings), load_mint(settings.keys), closed, settings.retention.erase_list)


def _counted(found: Found) -> str:
    return f"{len(found.tickets)} tickets, {len(found.comments)} comments, {len(found.mails)} mails"


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nothing was erased: say --yes where nobody can be asked")
    typer.confirm("Erase all this for good?", abort=True, err=True)
