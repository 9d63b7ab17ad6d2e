"""Tokens: what we made reads back, everything else is nobody's."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.errors import ConfigError
from mailgate.links.tokens import (
    LONGEST_LOCAL_PART,
    TOKEN_LENGTH,
    Mint,
    ReplyIdentity,
    bounce_address,
    digest,
    load_mint,
    reply_address,
)
from store.vocabulary import Notice, Role

KEY, OTHER = b"k" * 32, b"o" * 32
MINT = Mint((KEY,))
IDENTITY = ReplyIdentity(123, 7_530_276_493_380_011_008, Role.CUSTOMER, 4, Notice.N5)
TOKEN = MINT.reply_token(IDENTITY)

_IDENTITIES = st.builds(
    ReplyIdentity,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**63 - 1),
    st.sampled_from(list(Role)),
    st.integers(0, 2**16 - 1),
    st.sampled_from(list(Notice)),
)


@given(_IDENTITIES)
def test_what_was_made_reads_back_by_every_road(identity: ReplyIdentity) -> None:
    token = MINT.reply_token(identity)
    assert (len(token), token.isalnum(), token.islower(), token.isascii()) == (TOKEN_LENGTH, True, True, True)
    assert MINT.read_reply_token(token) == identity
    assert MINT.read_detail(token) == identity
    assert MINT.read_detail("b" + token) == identity
    assert MINT.read_message_id(MINT.message_id(token, 2**62, "example.test")) == identity


@given(_IDENTITIES)
def test_a_server_that_changes_the_case_changes_nothing(identity: ReplyIdentity) -> None:
    token = MINT.reply_token(identity)
    assert MINT.read_detail(token.upper()) == identity
    assert MINT.read_detail("B" + token.capitalize()) == identity
    assert MINT.read_message_id(f"{token.upper()}.1f@EXAMPLE.TEST") == identity


@given(st.integers(0, TOKEN_LENGTH - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_character_changed_is_forged(place: int, letter: str) -> None:
    """Not even the unused bits of the last character may differ: one identity has one token."""
    forged = TOKEN[:place] + letter + TOKEN[place + 1 :]
    assert MINT.read_reply_token(forged) == (IDENTITY if forged == TOKEN else None)


@given(st.text(max_size=60))
def test_nothing_else_is_ours(text: str) -> None:
    assert MINT.read_detail(text) is None
    assert MINT.read_message_id(text) is None
    assert MINT.read_access_token(text) is None


@pytest.mark.parametrize(
    "forged",
    ["", TOKEN[:-1], TOKEN + "a", TOKEN[1:], "bb" + TOKEN, "b" + TOKEN[:-1], "x" + TOKEN, "ß" * 44, "ı" + TOKEN[1:],
     TOKEN + "=" * 4, TOKEN[:-1] + "0", TOKEN[:22] + "\n" + TOKEN[22:-1]],
)  # fmt: skip
def test_cut_lengthened_or_odd_is_none(forged: str) -> None:
    assert MINT.read_detail(forged) is None


def test_version_counts_round() -> None:
    late = ReplyIdentity(1, 2, Role.AGENT, 65_537, Notice.N19)
    found = MINT.read_reply_token(MINT.reply_token(late))
    assert found is not None
    assert found.version == 1


def test_another_companys_token_is_not_ours() -> None:
    assert Mint((OTHER,)).read_reply_token(TOKEN) is None
    assert Mint((OTHER,)).read_access_token(MINT.access_token(5)) is None


def test_after_a_change_of_key_old_tokens_still_check_and_new_ones_are_made_with_the_new_key() -> None:
    both = Mint((OTHER, KEY))
    assert both.read_reply_token(TOKEN) == IDENTITY
    assert both.read_access_token(MINT.access_token(5)) == 5
    assert both.reply_token(IDENTITY) == Mint((OTHER,)).reply_token(IDENTITY) != TOKEN


def test_a_token_is_for_one_purpose() -> None:
    access, confirm = MINT.access_token(5), MINT.access_token(5, "confirm")
    assert (MINT.read_access_token(access), MINT.read_access_token(confirm, "confirm")) == (5, 5)
    assert MINT.read_access_token(access, "confirm") is None
    assert MINT.read_access_token(confirm) is None
    assert MINT.secret("cookie") != MINT.secret("csrf")


@given(st.integers(0, 2**63 - 1))
def test_access_tokens_read_back_and_keep_128_secret_bits(link_id: int) -> None:
    token = MINT.access_token(link_id)
    assert MINT.read_access_token(token) == link_id
    assert len(base64.urlsafe_b64decode(token)) == 8 + 16
    assert len(digest(token)) == 64


@given(st.integers(0, 31), st.sampled_from("ABCxyz019-_"))
def test_a_forged_access_token_opens_nothing(place: int, letter: str) -> None:
    token = MINT.access_token(77)
    forged = token[:place] + letter + token[place + 1 :]
    assert MINT.read_access_token(forged) == (77 if forged == token else None)


def test_a_reply_address_fits_in_64_octets() -> None:
    """RFC 5321 §4.5.3.1.1 allows 64 octets left of the @, the mark of a returned mail included."""
    base = f"{'s' * LONGEST_LOCAL_PART}@example.test"
    for address in (reply_address(base, TOKEN), bounce_address(base, TOKEN)):
        assert len(address.rpartition("@")[0].encode()) <= 64
    assert len(bounce_address(base, TOKEN).rpartition("@")[0]) == 64


def test_weak_keys_are_refused() -> None:
    for keys in ((), (b"short",), (KEY, b"short")):
        with pytest.raises(ValueError, match="16 bytes"):
            Mint(keys)


def _key(folder: Path, name: str, text: str, mode: int = 0o600) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(mode)


def test_keys_are_read_from_their_folder(tmp_path: Path) -> None:
    _key(tmp_path, "mac.key", OTHER.hex() + "\n")
    _key(tmp_path, "mac.2024.old", KEY.hex())
    assert load_mint(tmp_path).read_reply_token(TOKEN) == IDENTITY


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (None, 0, "missing"),
        (KEY.hex(), 0o644, "chmod 600"),
        ("no hex", 0o600, "hexadecimal"),
        ("abcd", 0o600, "too short"),
    ],
)
def test_a_key_that_cannot_be_trusted_is_a_mistake_and_never_replaced(
    tmp_path: Path, text: str | None, mode: int, said: str
) -> None:
    """K6."""
    if text is not None:
        _key(tmp_path, "mac.key", text, mode)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ConfigError) as caught:
        load_mint(tmp_path)
    assert said in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before
    assert text is None or stat.S_IMODE((tmp_path / "mac.key").stat().st_mode) == mode
