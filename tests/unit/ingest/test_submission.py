"""Agents' passwords: the file, its mistakes, and that it is read again when it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.errors import ConfigError
from mailgate.ingest.reception import AuthPolicy, FailureCount, peer_key
from mailgate.ingest.submission import check_password, hash_password, read_users


async def nobody(login: str, password: str) -> str | None:
    return None


async def test_an_agent_proves_himself_by_address_and_password(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"# agents\n\nBruno@Example.test:{hash_password('segredo: ç')}\n", encoding="utf-8")
    authenticate = check_password(users)
    assert await authenticate("bruno@example.test", "segredo: ç") == "bruno@example.test"
    assert await authenticate(" BRUNO@example.test", "segredo: ç") == "bruno@example.test"
    assert await authenticate("bruno@example.test", "segredo") is None
    assert await authenticate("ana@example.test", "segredo: ç") is None

    users.write_text(f"ana@example.test:{hash_password('nova')}\n", encoding="utf-8")
    assert await authenticate("bruno@example.test", "segredo: ç") is None
    assert await authenticate("ana@example.test", "nova") == "ana@example.test"

    users.write_text("half a line", encoding="utf-8")
    assert await authenticate("ana@example.test", "nova") == "ana@example.test"


def test_every_wrong_line_is_named(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("bruno:$argon2id$x\nana@example.test:\na@b.test:$argon2id$x\nA@B.test:$argon2id$y\n")
    with pytest.raises(ConfigError) as caught:
        read_users(users)
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 2, 4]


async def test_without_a_file_nobody_signs_in_until_there_is_one(tmp_path: Path) -> None:
    users = tmp_path / "users"
    authenticate = check_password(users)
    assert await authenticate("ana@example.test", "") is None
    users.write_text("ana@example.test:{PLAIN}segredo\nbruno@example.test:outro\n")
    assert await authenticate("ana@example.test", "segredo") == "ana@example.test"
    assert await authenticate("ana@example.test", "{PLAIN}segredo") is None
    assert await authenticate("bruno@example.test", "outro") == "bruno@example.test"
    assert await authenticate("bruno@example.test", "outr") is None


def test_failed_logins_are_forgotten_after_their_time() -> None:
    policy = AuthPolicy(nobody, failures=2, within_seconds=900)
    count = FailureCount()
    count.add("192.0.2.1", 0.0)
    assert not count.is_over("192.0.2.1", 1.0, policy)
    count.add("192.0.2.1", 600.0)
    assert count.is_over("192.0.2.1", 899.0, policy)
    assert not count.is_over("192.0.2.2", 899.0, policy)
    assert not count.is_over("192.0.2.1", 901.0, policy)


def test_one_customer_of_ipv6_is_one_peer() -> None:
    assert peer_key("2001:db8:1:2::1") == peer_key("2001:db8:1:2:ffff::9") != peer_key("2001:db8:1:3::1")
    assert peer_key("::ffff:192.0.2.1") == peer_key("192.0.2.1")
    assert peer_key("fe80::1%eth0") == peer_key("fe80::2%eth0")
