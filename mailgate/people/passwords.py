"""Passwords: which ones are taken, and how they are kept. Pure but for the salt of a new hash.

Rules that help against guessing and nothing else: long enough, not one that everybody tries, not the person's own name
or address; no kinds of letters are asked for (NIST SP 800-63B §5.1.1.2). Kept as argon2id (RFC 9106 §4, the second
recommended option): a hash takes 64 MiB and all of a processor, so the caller lets only some be made at a time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST, LONGEST = 10, 200
_HASHER = Argon2Hasher()
#: Of a password that nobody knows: as much work as anybody's.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$yULsYl7/XZKqdjVY6Ya9ZQ$0ieXBRiMKx1Zxh5xUZ2xfL1B/Jx1Z2sMgiDVYEkur4k"

#: What passwords are made of that are tried first, without their digits and signs; pt-BR, en, es.
_TRIED_FIRST = frozenset(
    re.findall(
        r"\w+",
        "senha senhaforte senhasegura minhasenha mudar mudarsenha trocar acesso entrar usuario administrador admin "
        "brasil brasileiro flamengo corinthians palmeiras saopaulo vasco gremio internacional cruzeiro santos jesus "
        "deus deusefiel jesuscristo teamo amor amoreterno felicidade familia princesa estrela saudade obrigado bomdia "
        "password passwords passwort pass passw passwd pw letmein welcome login master secret changeme default temp "
        "test testing iloveyou sunshine princess football baseball superman batman dragon monkey shadow michael "
        "jordan computer internet whatever trustno qwerty qwertyuiop qwertz asdf asdfgh asdfghjkl zxcvbn zxcvbnm "
        "qazwsx qazwsxedc abc abcd abcdef abcdefg contrasena contrasenia clave miclave bienvenido hola tequiero "
        "espana mexico argentina barcelona realmadrid suporte support soporte helpdesk empresa company sistema "
        "sistemas ticket chamado",
    )
)
_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertyuiop", "asdfghjkl")
_LEET = str.maketrans("013457@$!", "oieastasi")
_FEWEST_SIGNS = 5
_FEWEST_BESIDES = 6
_SHORTEST_OWN = 4


def hashed(password: str) -> str:
    """A password as it is kept. Takes a tenth of a second and more."""
    return _HASHER.hash(_composed(password))


def matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that is kept. None, for nobody's, takes as long and is never right."""
    try:
        right = _HASHER.verify(_composed(password[:LONGEST]), kept or _NOBODYS)
    except ValueError:  # letters that no encoding has
        right = False
    return right and kept is not None and len(password) <= LONGEST


def mistake(password: str, *own: str) -> str:
    """What is wrong with a new password: short | long | known | own; "" for nothing.

    own: the person's name and address, the company's name.
    """
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    plain = _plain(password)
    if _is_known(plain):
        return "known"
    rest = re.sub(r"[\W_]", "", plain)
    for word in sorted({w for one in own for w in _words(one)}, key=len, reverse=True):
        rest = rest.replace(word, "")
    has_own = len(rest) < len(re.sub(r"[\W_]", "", plain))
    return "own" if has_own and (len(rest) < _FEWEST_BESIDES or _is_known(rest)) else ""


def _is_known(plain: str) -> bool:
    if len(set(plain)) < _FEWEST_SIGNS:
        return True
    signs = re.sub(r"[\W_]", "", plain)
    if any(signs in run or signs[::-1] in run for run in _RUNS if signs):
        return True
    letters = re.sub(r"[\W\d_]", "", plain)
    spelt = re.sub(r"[\W\d_]", "", re.sub(r"[\W\d_]+$", "", plain).translate(_LEET))
    return letters in _TRIED_FIRST or spelt in _TRIED_FIRST or (not letters and len(set(signs)) < SHORTEST)


def _words(text: str) -> Iterator[str]:
    """The words of a name or an address, and all of them in one, as far as they are long enough to matter."""
    words = re.findall(r"[^\W_]+", _plain(text))
    yield from (word for word in words if len(word) >= _SHORTEST_OWN)
    whole = "".join(words)
    if len(whole) >= _SHORTEST_OWN:
        yield whole


def _plain(text: str) -> str:
    """Without capitals and accents: what a guesser tries alike."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _composed(password: str) -> str:
    """One spelling of each letter: telephones and computers compose them differently."""
    return unicodedata.normalize("NFC", password)
