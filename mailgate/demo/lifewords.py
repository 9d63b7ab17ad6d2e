"""What is said in a ticket's life, in three languages, and by whom: the scenarios of `mailgate timeline`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody writes, so long after what was before. command: what an agent's mail begins with."""

    who: Literal["customer", "agent"]
    text: str
    after: timedelta
    command: str = ""


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OPENS = Line("customer", "opens", timedelta())
_ASKS = Line("agent", "asks", _HOUR, "pedir-info")
_SOLVES = Line("agent", "solves", _HOUR, "resolver")

SCENARIOS: dict[str, tuple[Line, ...]] = {
    "silent": (_OPENS, _ASKS),
    "answers": (_OPENS, _ASKS, Line("customer", "answers", 2 * _DAY), _SOLVES),
    "reopens": (_OPENS, _SOLVES, Line("customer", "reopens", _DAY), Line("agent", "again", _HOUR, "resolver")),
    "thanks": (_OPENS, _SOLVES, Line("customer", "thanks", _HOUR)),
}

_WORDS: dict[str, dict[str, str]] = {
    "subject": {"pt-BR": "Nota fiscal não sai", "en": "Invoice is not sent", "es": "La factura no sale"},
    "opens": {
        "pt-BR": "Bom dia,\n\nDesde ontem a nota fiscal não sai; aparece o erro 656 ao enviar.\n\n"
        "Versão do sistema: 12.1.2310\nBase de dados: ORACLE\n\nAna",
        "en": "Good morning,\n\nSince yesterday the invoice is not sent; error 656 appears when sending.\n\n"
        "Version of the system: 12.1.2310\nDatabase: ORACLE\n\nAna",
        "es": "Buenos días,\n\nDesde ayer la factura no sale; aparece el error 656 al enviar.\n\n"
        "Versión del sistema: 12.1.2310\nBase de datos: ORACLE\n\nAna",
    },
    "asks": {
        "pt-BR": "Olá Ana, acontece com um usuário só ou com todos?",
        "en": "Hello Ana, does it happen to one user or to all?",
        "es": "Hola Ana, ¿le pasa a un usuario o a todos?",
    },
    "answers": {
        "pt-BR": "Com todos, em duas filiais.", "en": "To all, in two branches.", "es": "A todos, en dos sucursales.",
    },
    "solves": {
        "pt-BR": "Instale o pacote 171 e envie a nota de novo, por favor.",
        "en": "Please install package 171 and send the invoice again.",
        "es": "Instale el paquete 171 y envíe la factura de nuevo, por favor.",
    },
    "reopens": {
        "pt-BR": "Instalei, e o erro 656 continua aparecendo.",
        "en": "I installed it, and error 656 still appears.",
        "es": "Lo instalé y el error 656 sigue apareciendo.",
    },
    "again": {
        "pt-BR": "Faltava um passo: reinicie o serviço depois de instalar.",
        "en": "One step was missing: restart the service after installing.",
        "es": "Faltaba un paso: reinicie el servicio después de instalar.",
    },
    "thanks": {"pt-BR": "Obrigada!", "en": "Thank you!", "es": "¡Gracias!"},
    # of the storyboard
    "customer": {"pt-BR": "A cliente escreve", "en": "The customer writes", "es": "La clienta escribe"},
    "agent": {"pt-BR": "O atendente responde", "en": "The agent answers", "es": "El agente responde"},
    "time": {"pt-BR": "O tempo passa", "en": "Time passes", "es": "Pasa el tiempo"},
    "day": {"pt-BR": "Dia", "en": "Day", "es": "Día"},
    "ended": {"pt-BR": "Encerrado.", "en": "Closed.", "es": "Cerrado."},
    "open": {
        "pt-BR": "Daqui em diante o tempo sozinho não muda nada.",
        "en": "From here on time alone changes nothing.",
        "es": "De aquí en adelante el tiempo por sí solo no cambia nada.",
    },
}  # fmt: skip


def words(name: str, language: str) -> str:
    """A text in that language, English where there is none."""
    texts = _WORDS[name]
    return texts.get(language, texts["en"])
