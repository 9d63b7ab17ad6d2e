"""The addresses that customers write to, and whether a recipient is one of them (RFC 5233: what follows the plus)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailgate.mail.addresses import normalise, split_subaddress


@dataclass(frozen=True, slots=True)
class SupportAddress:
    """An address that customers write to. plus: whether the mail system keeps `suporte+anything@`."""

    address: str
    department: str
    plus: bool = True
    list_id: str = ""


def find_support_address(addresses: Iterable[SupportAddress], address: str) -> tuple[SupportAddress, str] | None:
    """The support address that a recipient is, and what stands after its plus; None when it is not ours."""
    wanted = normalise(address).lower()
    base, detail = split_subaddress(wanted)
    plain: tuple[SupportAddress, str] | None = None
    for own in addresses:
        name = own.address.lower()
        if name == wanted:
            return own, ""
        if detail and name == base:
            plain = own, detail
    return plain
