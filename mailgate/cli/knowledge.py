"""`mailgate knowledge`: bring the folder of articles into the database, and see what customers will find."""

from __future__ import annotations

from typing import Annotated

import typer

from mailgate.cli.common import (
    ConfigOption,
    JsonOption,
    house,
    print_bytes,
    print_json,
    print_table,
    print_text,
    say,
    when,
)
from mailgate.errors import EX_DATAERR, DataError

app = typer.Typer(help="Articles that customers read before they ask.", no_args_is_help=True)


@app.command("import")
def import_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the folder of articles again; 65 if any file has a mistake, which is named with line and column.

    `serve` does it too, soon after a file changes.

    Example: mailgate knowledge import --config /etc/mailgate
    """
    from mailgate.flows import knowledge

    with house(config) as opened:
        done = knowledge.import_folder(opened.site)
        base = opened.site.knowledge
    for one in done.mistakes:
        if json:
            kind = "warning" if one.warning else "mistake"
            print_json({"kind": kind, "file": one.file, "line": one.line, "column": one.column, "reason": one.reason})
        else:
            print_text(str(one), style="" if one.warning else "red", fold=False)
    counts = {name: getattr(done, name) for name in ("added", "changed", "unchanged", "withdrawn")}
    if json:
        print_json({"kind": "import", "folder": str(base.folder), **counts})
    else:
        say(f"{base.folder}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if any(not one.warning for one in done.mistakes):
        raise typer.Exit(EX_DATAERR)


@app.command("list")
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show every article that was ever imported; those that were taken away are not published.

    Example: mailgate knowledge list
    """
    from store import articles

    with house(config) as opened:
        with opened.site.writer.database.read() as connection:
            rows = articles.listed(connection)
        settings = opened.settings
    if json:
        for row in rows:
            print_json({**row._mapping, "id": f"{row.id:x}"})
        return
    columns = ("article", "title", "section", "language", "who may read", "version", "updated")
    print_table(columns, [
        (row.slug, row.title, row.section, row.language, row.visibility if row.published else "nobody: no file",
         row.version, when(row.updated_at, settings))
        for row in rows
    ])  # fmt: skip


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="What a customer may type.")],
    config: ConfigOption = None,
    language: Annotated[str, typer.Option(help="The customer's language; by default the company's.")] = "",
    json: JsonOption = False,
) -> None:
    """Show what customers find by these words, the best first.

    Example: mailgate knowledge search segunda via do boleto
    """
    from mailgate.flows import knowledge

    with house(config) as opened:
        site = opened.site
        with site.writer.database.read() as connection:
            wanted = language or site.policy.locale
            hits = knowledge.look_up(connection, " ".join(words), site.knowledge.stranger, wanted)
    for hit in hits:
        title, snippet = ("".join(text for text, _ in pieces) for pieces in (hit.title, hit.snippet))
        if json:
            print_json({"article": hit.slug, "title": title, "language": hit.language, "snippet": snippet})
        else:
            print_text(f"{title}  ({hit.slug}, {hit.language})", style="bold")
            print_text(f"  {snippet}")
    if not hits and not json:
        say("no article has these words")


@app.command()
def show(
    article: Annotated[str, typer.Argument(help="The article's address, as `list` names it.")],
    version: Annotated[int, typer.Argument(help="Which version; by default the newest.", min=0)] = 0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print an article as its file was at a version, which may be put back into the folder.

    Example: mailgate knowledge show segunda-via 2
    """
    from store import articles

    with house(config) as opened, opened.site.writer.database.read() as connection:
        known = articles.known(connection).get(article)
        found = articles.version(connection, article, version or known.version) if known is not None else None
    if found is None:
        raise DataError(f"there is no article {article!r}" + (f" with a version {version}" if version else ""))
    if json:
        print_json({**found._mapping, "article_id": f"{found.article_id:x}"})
    else:
        print_bytes(found.source.encode())
