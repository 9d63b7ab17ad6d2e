"""The commands an agent can write besides a status: what each is called in three languages, and what it needs. Pure.

A company's own status labels win over these words. `obey` turns orders into actions.
"""

from __future__ import annotations

from mailgate.decide.decision import Order
from mailgate.tickets.workflow import fold

#: What asks the workflow for a transition.
TRIGGERS = {
    "ask_info": "agent.asks_info",
    "handoff": "agent.handoff.dev",
    "solve": "agent.solution",
    "close": "agent.close",
    "reopen": "agent.reopen",
}

_WORDS = {
    "ask_info": "pedir info, pedir informacao, pedir informacion, pedir dados, ask info, need info",
    "handoff": "dev, desenvolvimento, desarrollo, development",
    "solve": "resolver, resolve, solucionar, solve",
    "close": "fechar, encerrar, finalizar, close, cerrar",
    "reopen": "reabrir, reopen",
    "take": "assumir, pegar, take, asumir, tomar",
    "assign": "atribuir, assign, asignar, responsavel",
    "due": "prazo, due, plazo, vencimento, vencimiento",
    "priority": "prioridade, priority, prioridad",
    "department": "departamento, setor, department",
    "topic": "topico, tema, topic",
    "participant": "participante, participant, copiar",
    "follower": "seguidor, seguidora, follower, observador",
    "branch": "filial, loja, branch, sucursal, tienda",
    "join": "juntar, unir, merge, join",
    "requester": "solicitante, cliente, requester, customer",
    "canned": "modelo, template, plantilla, canned",
    "why": "porque, por que, why",
    "spam": "spam, lixo",
    "help": "ajuda, comandos, help, ayuda",
    "send": "enviar, send",
    "discard": "descartar, discard",
}
_VERBS = {word.strip(): verb for verb, words in _WORDS.items() for word in words.split(",")}
_ARGUED = frozenset(
    {
        "assign",
        "due",
        "priority",
        "department",
        "topic",
        "participant",
        "follower",
        "branch",
        "join",
        "requester",
        "canned",
    }
)
#: What may stand behind a participant's address.
_KINDS = {
    "participant": "participante, participant, contribuidor, contributor, colaborador",
    "follower": "seguidor, seguidora, follower, observador",
}
_LONGEST = max(len(word.split()) for word in _VERBS)

#: As shown in the list of commands, by language; `…` is what the agent writes.
SHOWN = {
    "pt-BR": (
        "#nota", "#assumir", "#atribuir …", "#prazo …", "#prioridade …", "#departamento …", "#topico …",
        "#participante …", "#seguidor …", "#filial …", "#solicitante …", "#juntar …", "#modelo …", "#pedir-info",
        "#resolver", "#fechar", "#reabrir", "#porque", "#spam", "#ajuda",
    ),
    "en": (
        "#note", "#take", "#assign …", "#due …", "#priority …", "#department …", "#topic …", "#participant …",
        "#follower …", "#branch …", "#requester …", "#join …", "#template …", "#ask-info", "#solve", "#close",
        "#reopen", "#why", "#spam", "#help",
    ),
    "es": (
        "#nota", "#asumir", "#asignar …", "#plazo …", "#prioridad …", "#departamento …", "#tema …",
        "#participante …", "#seguidor …", "#sucursal …", "#solicitante …", "#unir …", "#plantilla …", "#pedir-info",
        "#solucionar", "#cerrar", "#reabrir", "#porque", "#spam", "#ayuda",
    ),
}  # fmt: skip


def order(word: str, rest: str) -> Order | None:
    """The order that `#word rest` is; None for a word that is none, or one that lacks (or has) what it may not.

    `#pedir-info`, `#pedir info` and `#Pedir_Info` are the same.
    """
    written = f"#{word} {rest}".strip()
    parts = rest.split()
    for more in range(min(_LONGEST - 1, len(parts)), -1, -1):
        verb = _VERBS.get(fold(" ".join([word, *parts[:more]])))
        if verb is None:
            continue
        argument = " ".join(parts[more:])
        return Order(verb, argument, written) if bool(argument) == (verb in _ARGUED) else None
    return None


def participation(one: Order) -> tuple[str, bool]:
    """(address, whether the person also writes) of an order that lets somebody follow: `maria@x.com seguidor`."""
    address, _, kind = one.argument.strip().rpartition(" ")
    named = next((k for k, words in _KINDS.items() if fold(kind) in (w.strip() for w in words.split(","))), "")
    if not address or not named:
        return one.argument, one.verb == "participant"
    return address, named == "participant"


def shown(language: str) -> tuple[str, ...]:
    """The list of commands, in the reader's language."""
    return SHOWN.get(language, SHOWN["en"])
