"""`mailgate contact invite`, `verify`: a link of one use goes to a contact."""

from __future__ import annotations

from typing import Annotated

import typer

from mailgate.cli.common import ConfigOption, address_of, house, say
from mailgate.cli.people import AddressArgument
from mailgate.cli.people import contacts as contacts


@contacts.command("invite")
def contact_invite(
    address: AddressArgument,
    config: ConfigOption = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who invites; default the company.")] = "",
) -> None:
    """Mail a contact a link to set a name and a password; it works once, for 7 days. No password is ever mailed.

    Example: mailgate contact invite ana@cliente.com
    """
    from mailgate.flows import inviting

    with house(config) as opened:
        notice = inviting.invite(opened.site, address_of(address), by)
        say(f"{notice} goes to {address}")


@contacts.command("verify")
def contact_verify(address: AddressArgument, config: ConfigOption = None) -> None:
    """Mail a contact a link to confirm that the address is still in use.

    Example: mailgate contact verify ana@cliente.com
    """
    from mailgate.flows import inviting

    with house(config) as opened:
        notice = inviting.ask_to_verify(opened.site, address_of(address))
        say(f"{notice} goes to {address}")
