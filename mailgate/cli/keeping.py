"""`mailgate backup`, `restore`, `verify`: a copy of everything, the way back, and whether all is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate import __version__
from mailgate.cli.common import ConfigOption, JsonOption, load, print_json, print_text, say
from mailgate.errors import EX_DATAERR

if TYPE_CHECKING:
    from mailgate.keeping.places import Places
    from mailgate.settings import Settings

app = typer.Typer()

BackupArgument = Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder or archive that `backup` made.")]


@app.command()
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A folder that is not there yet, or a new .tar, .tgz, .tar.gz.")
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy everything as it is at one moment: database, blobs, keys, configuration; `serve` goes on meanwhile.

    65 when blobs are missing or damaged already: the backup is made without them.

    Example: mailgate backup /srv/backup/mailgate-2026-11-30
    """
    from mailgate.keeping.backup import back_up

    os.umask(0o077)
    settings = load(config)
    with _places(settings) as places:
        made = back_up(places, target, settings.now(), __version__, f"backup:{os.getpid()}")
    size = sum(one.size for one in made.files.values())
    if json:
        print_json({
            "kind": "backup", "path": str(target.absolute()), "made_at": made.made_at, "database": made.database,
            "schema": made.schema_revision, "tables": made.tables, "blobs": made.blobs, "files": len(made.files),
            "bytes": size, "outside": made.outside, "lacking": made.lacking,
        })  # fmt: skip
    else:
        print(target)
    say(f"{len(made.files)} files, {size} bytes, of {made.made_at}; keys and passwords are among them")
    for path in made.outside:
        say(f"not in it, since it lies outside the configuration's folder: {path}")
    if made.lacking:
        say(f"mailgate: {len(made.lacking)} blobs are missing or damaged and not in it: `mailgate verify` names them")
        raise typer.Exit(EX_DATAERR)


@app.command()
def restore(
    source: BackupArgument,
    config: ConfigOption = None,
    configuration: Annotated[
        Path | None,
        typer.Option(help="An empty folder: write the backup's configuration there first, and use it.", metavar="DIR"),
    ] = None,
    erased: Annotated[
        list[Path] | None, typer.Option(help="One more erase list to replay, besides `retention.erase_list`.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put a backup back into an empty data folder and database; 65 if they are not empty or the backup is damaged.

    Whoever was erased after the backup was made is erased from it again.

    Example: mailgate restore /srv/backup/mailgate-2026-11-30 --config /etc/mailgate
    """
    from mailgate.keeping import restore as work
    from mailgate.node import NodeSlot

    os.umask(0o077)
    with work.opened(source) as folder:
        if configuration is not None:
            work.take_configuration(folder, configuration)
            config = configuration
        settings = load(config)
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        slot = NodeSlot(settings.data, only_one=True)  # nobody serves meanwhile
        try:
            with _places(settings) as places:
                manifest = work.restore(folder, places)
                lists = [settings.retention.erase_list, *(erased or ()), *(folder / "configuration").glob("*.list")]
                gone = _erase_again(settings, places, lists)
                work.finish(places)
        finally:
            slot.free()
    if json:
        facts = {"made_at": manifest.made_at, "tables": manifest.tables, "blobs": manifest.blobs, "erased": gone}
        print_json({"kind": "restored", **facts})
    say(f"restored as it was at {manifest.made_at}; next: `mailgate verify`, then `mailgate serve`")


@app.command()
def verify(
    source: Annotated[
        Path | None, typer.Argument(metavar="[BACKUP]", help="A backup; without it, the gateway itself is looked at.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Hold the database against the blobs, or a backup against its manifest: counts, hashes, rows; 65 on a difference.

    Example: mailgate verify /srv/backup/mailgate-2026-11-30
    """
    from mailgate.keeping import verify as work
    from mailgate.keeping.restore import opened

    if source is not None:
        with opened(source) as folder:
            found = _tell(work.look_at_backup(folder), json)
    else:
        from mailgate.opening import open_database

        settings = load(config)
        open_database(settings, migrate=False).close()  # refuses an older schema
        with _places(settings) as places:
            found = _tell(work.look_at_gateway(places), json)
    if json:
        print_json({"kind": "verified", "differences": found})
    if found:
        say(f"mailgate: {found} difference{'s' if found > 1 else ''}")
        raise typer.Exit(EX_DATAERR)
    say(f"{source or 'the gateway'}: everything is there")


def _erase_again(settings: Settings, places: Places, lists: Iterable[Path]) -> int:
    """Who was erased since the backup; how many people and lone mails."""
    from mailgate.cli.erasing import eraser_of
    from mailgate.flows.erasing import read_list, replay

    entries = [entry for path in lists for entry in read_list(path)]
    return replay(eraser_of(settings, places.database), entries, settings.now()())


def _tell(differences: Iterable[str], json: bool) -> int:
    found = 0
    for sentence in differences:
        found += 1
        if json:
            print_json({"kind": "difference", "text": sentence})
        else:
            print_text(sentence, style="red", fold=False)
    return found


@contextmanager
def _places(settings: Settings) -> Iterator[Places]:
    from mailgate.cli.configfiles import files_of
    from mailgate.keeping.places import Places
    from mailgate.opening import open_blobs
    from store.engine import Database

    inside, outside = files_of(settings)
    database = Database(settings.database_url)
    try:
        yield Places(database, open_blobs(settings), settings.data, inside, outside)
    finally:
        database.close()
