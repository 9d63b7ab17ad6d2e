"""`mailgate dkim`: a key to sign with, and the DNS record that belongs to it.

Both work while the configured key is still missing: that is when they are needed.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, NoInput, print_json, say
from mailgate.errors import ConfigError, DataError, UsageError

if TYPE_CHECKING:
    from mailgate.settings import Settings

app = typer.Typer(help="Keys that sign outgoing mail, and their DNS records.", no_args_is_help=True)

_SELECTOR = "s1"
_STRING_OCTETS = 255


class Kind(StrEnum):
    """What receivers understand: rsa all of them, ed25519 some."""

    RSA = "rsa"
    ED25519 = "ed25519"


DomainOption = Annotated[str, typer.Option(help="Who signs; by default that of `dkim`, else of the first address.")]
SelectorOption = Annotated[str, typer.Option(help="Which of the domain's keys; by default that of `dkim`, else s1.")]


@app.command()
def keygen(
    config: ConfigOption = None,
    domain: DomainOption = "",
    selector: SelectorOption = "",
    kind: Annotated[Kind, typer.Option(help="rsa is what every receiver understands.")] = Kind.RSA,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the key; by default `dkim.key_file`, else dkim.pem.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a key (never over an existing one) and print the DNS record to publish.

    Example: mailgate dkim keygen --domain example.com --selector s1
    """
    from mailgate.authn.sign import generate_key

    settings, folder = _settings(config)
    domain, selector = _names(settings, domain, selector)
    section = settings.dkim if settings is not None else None
    target = out or (section.key_file if section is not None else folder / "dkim.pem")
    pem, record = generate_key("rsa" if kind is Kind.RSA else "ed25519")
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise DataError(
            f"{target} exists already and is left as it is; `mailgate dkim record` prints its record"
        ) from None
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror}") from error
    with os.fdopen(fd, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    _print(domain, selector, record, json)
    say(f"The key is in {target}. Publish the record, wait until DNS shows it, then set in mailgate.yaml:")
    say(f"dkim: {{domain: {domain}, selector: {selector}, key_file: {target.absolute()}}}")


@app.command()
def record(
    config: ConfigOption = None,
    domain: DomainOption = "",
    selector: SelectorOption = "",
    key: Annotated[Path | None, typer.Option(help="The key's file; by default `dkim.key_file`.")] = None,
    json: JsonOption = False,
) -> None:
    """Print the DNS record of the key in use.

    Example: mailgate dkim record --config /etc/mailgate
    """
    from mailgate.authn.sign import dns_record

    settings, folder = _settings(config)
    domain, selector = _names(settings, domain, selector)
    section = settings.dkim if settings is not None else None
    file = key or (section.key_file if section is not None else folder / "dkim.pem")
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise NoInput(f"{file} cannot be read ({error.strerror}): `mailgate dkim keygen` makes a key") from error
    _print(domain, selector, dns_record(pem), json)


def _settings(config: Path | None) -> tuple[Settings | None, Path]:
    """The settings as far as they can be read, and their folder; none where there is no configuration."""
    from mailgate.settings import find_config, read_settings

    try:
        path = find_config(config, os.environ)
    except ConfigError:
        if config is not None:
            raise
        return None, Path()
    settings, mistakes = read_settings(path)
    if settings is None:
        raise ConfigError([m for m in mistakes if not m.warning])
    return settings, path.parent


def _names(settings: Settings | None, domain: str, selector: str) -> tuple[str, str]:
    """Domain and selector. Raises UsageError where nothing says the domain."""
    section = settings.dkim if settings is not None else None
    addresses = settings.addresses if settings is not None else ()
    domain = domain or (section.domain if section is not None else "")
    domain = domain or (addresses[0].address.rpartition("@")[2] if addresses else "")
    if not domain:
        raise UsageError("no domain: give --domain, or a configuration with `dkim` or `addresses`")
    return domain.lower().rstrip("."), selector or (section.selector if section is not None else _SELECTOR)


def _print(domain: str, selector: str, record: str, json: bool) -> None:
    """As a zone file wants it: strings of at most 255 octets (RFC 6376 §3.6.2.2)."""
    name = f"{selector}._domainkey.{domain}"
    if json:
        print_json({"name": name, "type": "TXT", "value": record})
        return
    pieces = [record[i : i + _STRING_OCTETS] for i in range(0, len(record), _STRING_OCTETS)]
    print(f"{name}. IN TXT ( " + " ".join(f'"{piece}"' for piece in pieces) + " )")
