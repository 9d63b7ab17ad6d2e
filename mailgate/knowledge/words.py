"""Words as the search compares them: accents off, plurals and endings off, by language. Pure, linear, bounded.

Both sides go the same way, articles when they are imported and questions when they are asked, so it does not matter
which forms are right words, only that `configuracao`, `Configurações` and `configuração` come out alike. The database
only ever sees letters and digits.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from mailgate.mail.phrases import words

#: Words of one question that are looked at; the rest is not.
MOST_WORDS = 20
_MOST_QUESTION = 2_000
_MOST_LETTERS = 40

_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_ALGORITHMS = {"pt": "portuguese", "en": "english", "es": "spanish"}
#: Endings of folded words, and what they become before the stemmer sees them: it knows `ação`, not `acao`, and leaves
#: half of the Portuguese plurals as they are (`erros`, `fiscais`, `mensagens`).
_ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "pt": (
        ("coes", "ção"), ("cao", "ção"), ("oes", "ão"),
        ("aes", "ão"), ("ao", "ão"), ("ais", "al"), ("eis", "el"), ("ois", "ol"), ("ens", "em"),
        ("ins", "im"), ("uns", "um"), ("encias", "ência"), ("encia", "ência"), ("avel", "ável"), ("ivel", "ível"),
        ("ss", "ss"), ("as", "a"), ("es", "e"), ("os", "o"),
    ),
    "es": (("cion", "ción"), ("ciones", "ción"), ("logia", "logía"), ("logias", "logía")),
    "en": (),
}  # fmt: skip
_SHORTEST = 4

_STOP = words(
    """
    a ao aos as da das de do dos e em esta este esse essa isso isto eu meu minha meus minhas na nas nao no nos o os ou
    para pela pelas pelo pelos por que quem se sem ser seu sua seus suas sobre tem tenho um uma uns umas voce ja mais
    mas muito como quando qual quais onde bom boa dia tarde noite ola oi obrigado obrigada favor estou esta sao foi
    consigo preciso quero gostaria posso poderia ajuda ajudar
    the of to in on at an and or is are was be it its this that these those i my we our you your for with from not do
    does how what when where which can could please thanks hello hi need want help
    el la los las un unos unas y en del al con su sus mi mis es son fue lo le que como cuando cual donde hola gracias
    favor necesito quiero puedo ayuda
    """
)

#: Latin letters, large and with accents, and the plain small one that each is.
_LETTERS = {code: unicodedata.normalize("NFKD", chr(code).lower())[0] for code in range(0x250) if chr(code).isalpha()}
_LOCK = threading.Lock()
_STEMMERS = {primary: snowballstemmer.stemmer(name) for primary, name in _ALGORITHMS.items()}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a question. forms: as it was typed and its stems, any of which may stand in an article.

    prefix: what a word may begin with, "" where it is known to be whole.
    """

    text: str
    forms: tuple[str, ...]
    prefix: str = ""

    def is_in(self, terms: frozenset[str] | set[str]) -> bool:
        """Whether these terms (`terms_of`) hold the word."""
        return any(form in terms for form in self.forms) or bool(self.prefix and _begins(terms, self.prefix))


def _begins(terms: frozenset[str] | set[str], prefix: str) -> bool:
    return any(term.startswith(prefix) for term in terms)


def fold(text: str) -> str:
    """Lower case without accents: `Emissão` is `emissao`."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in apart if not unicodedata.combining(c))


def fold_in_place(text: str) -> str:
    """As `fold`, letter by letter, so that a place in the one is the place in the other; Latin letters only."""
    return text.translate(_LETTERS)


def tokens(text: str) -> list[str]:
    """The folded words of a text, in order. `NF-e` is `nfe`, `e-mail` is `email`, `segunda-feira` two words."""
    found: list[str] = []
    for match in _TOKEN.finditer(fold(text)):
        parts = match[0].split("-")
        if len(parts) > 1 and min(map(len, parts)) == 1:
            parts = ["".join(parts)]
        found += [part[:_MOST_LETTERS] for part in parts]
    return found


def stem(word: str, language: str) -> str:
    """The stem of a folded word. language: BCP 47; one that we have no stemmer for leaves the word."""
    return _stem(word, language.partition("-")[0].lower())


@lru_cache(maxsize=50_000)
def _stem(word: str, primary: str) -> str:
    stemmer = _STEMMERS.get(primary)
    if stemmer is None or len(word) < _SHORTEST or not word.isalpha():
        return word
    for ending, usual in _ENDINGS[primary]:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            word = word[: -len(ending)] + usual
            break
    with _LOCK:  # a stemmer keeps the word that it works on
        found: str = stemmer.stemWord(word)
    return fold(found) or word


def terms_of(text: str, language: str) -> list[str]:
    """What an article's text is found by: each word as it is, and its stem where that differs, in order."""
    found: list[str] = []
    for word in tokens(text):
        found.append(word)
        root = stem(word, language)
        if root != word:
            found.append(root)
    return found


def question(text: str, *, typing: bool = False) -> tuple[Word, ...]:
    """The words that a question asks for, each once, at most 20.

    Little words are left out, unless there are no others. typing: the last word may not be finished.
    """
    text = text[:_MOST_QUESTION]
    every = list(dict.fromkeys(tokens(text)))
    telling = [word for word in every if word not in _STOP and (len(word) > 1 or word.isdigit())]
    chosen = (telling or every)[:MOST_WORDS]
    last = every[-1] if typing and every and text[-1:].isalnum() else ""
    if last and last not in chosen and len(chosen) < MOST_WORDS and len(last) > 1:
        chosen.append(last)
    return tuple(_word(word, last if word == last and len(word) > 1 else "") for word in chosen)


def _word(word: str, prefix: str) -> Word:
    forms = dict.fromkeys((word, *(_stem(word, primary) for primary in _ALGORITHMS)))
    return Word(word, tuple(forms), prefix)
