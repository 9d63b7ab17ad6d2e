"""Dovecot does what the IMAP road is tested against: login, APPEND, IDLE, MOVE, a lost UIDVALIDITY, a restart."""

from __future__ import annotations

import pytest
from imapclient import IMAPClient

from tests.integration.dovecot import Dovecot
from tests.integration.machine import wait_until

MAIL = b"From: ana@example.org\r\nSubject: boleto\r\n\r\nBom dia\r\n"


def test_a_mail_is_appended_and_read_without_a_flag(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    dovecot.append(MAIL, user)
    assert dovecot.mails(user) == {1: MAIL}
    assert b"\\Seen" not in dovecot.flags(user)[1]


def test_a_wrong_password_is_refused(dovecot: Dovecot) -> None:
    with pytest.raises(IMAPClient.Error), dovecot.client("suporte", "wrong"):
        pass


def test_idle_tells_of_a_new_mail_and_move_takes_it_away(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    with dovecot.client(user) as client:
        assert {b"IDLE", b"MOVE", b"UIDPLUS"} <= set(client.capabilities())
        client.select_folder("INBOX")
        client.idle()
        dovecot.append(MAIL, user)
        pushed = wait_until(lambda: client.idle_check(timeout=5), what="a push")
        assert (1, b"EXISTS") in pushed
        client.idle_done()
        client.create_folder("Lidos")
        client.move(client.search(), "Lidos")
    assert (dovecot.mails(user), dovecot.mails(user, "Lidos")) == ({}, {1: MAIL})


def test_uidvalidity_changes_and_no_mail_is_lost(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    dovecot.append(MAIL, user)
    before = dovecot.uid_validity(user)
    assert dovecot.forget_uids(user) != before
    assert list(dovecot.mails(user).values()) == [MAIL]


def is_cut(client: IMAPClient) -> bool:
    """The goodbye of the server may be read first."""
    try:
        client.noop()
    except (IMAPClient.AbortError, OSError):
        return True
    return False


def test_a_restart_cuts_the_session_and_keeps_the_mail(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    dovecot.append(MAIL, user)
    with dovecot.client(user) as client:
        client.select_folder("INBOX")
        dovecot.restart()
        wait_until(lambda: is_cut(client), what="the end of the session")
    assert list(dovecot.mails(user).values()) == [MAIL]
