"""Which passwords are taken, and that they are kept as they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.people import passwords
from mailgate.people.passwords import mistake

OWN = ("Ana Souza", "ana@cliente.test", "Exemplo Sistemas")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("curta", "short"),
        ("nove letr", "short"),
        ("x" * 201, "long"),
        ("senha12345", "known"),
        ("Senha@2024!", "known"),
        ("P@ssw0rd2024", "known"),
        ("contraseña1", "known"),
        ("aaaaaaaaaaaa", "known"),
        ("1234567890", "known"),
        ("9876543210", "known"),
        ("qwertyuiop", "known"),
        ("0102030405", "known"),
        ("..........", "known"),
        ("anasouza123", "own"),
        ("ana@cliente.test", "own"),
        ("Exemplo Sistemas 1", "own"),
        ("souza1234567890", "own"),
        ("Éxémplo2026", "own"),
        ("uma frase que eu lembro", ""),
        ("Ana gosta de café com leite", ""),
        ("Kx9!vbq2Lm", ""),
        ("83629174058", ""),
        ("пароль из слов", ""),
        ("🐎🔋📎🐎 correto", ""),
    ],
)
def test_a_password_is_taken_or_refused_with_the_reason(password: str, why: str) -> None:
    assert mistake(password, *OWN) == why


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_has_an_answer(password: str, own: str) -> None:
    assert mistake(password, own) in {"", "short", "long", "known", "own"}


def test_kept_as_argon2id_with_a_salt_and_one_spelling() -> None:
    one, two = passwords.hashed("uma senha do coração"), passwords.hashed("uma senha do coração")
    assert one.startswith("$argon2id$")
    assert one != two
    assert passwords.matches("uma senha do corac\u0327a\u0303o", one), "composed by another keyboard"
    assert not passwords.matches("uma senha do coracao", one)
    assert not passwords.matches("uma senha do coração", None)
    assert not passwords.matches("uma senha do coração", "not a hash")


def test_nobodys_hash_is_as_much_work_as_anybodys() -> None:
    assert passwords._NOBODYS.split("$")[1:4] == passwords.hashed("uma frase que eu lembro").split("$")[1:4]
