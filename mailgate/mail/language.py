"""In which of our languages a text is written, by its little words. Pure, linear, first 4,000 characters."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

from mailgate.mail.phrases import lower, words

_RUNS = re.compile(r"\w+")
_WORDS = re.compile(r"[^\W\d_]+")
_STOP = {
    "pt-BR": words(
        """
    o e que os sem veja tela código numero número tudo bem vou vai pode podem saiu ficou deu
    não nao você vocês voce uma um com para por favor obrigado obrigada ola olá bom dia boa tarde noite está
    estou são também mas isso esse essa este esta já ainda quando fazer meu minha nosso nossa pelo pela dos
    das ao aos na nas no nos do da em ou seu sua foi ser tem temos consigo conseguimos preciso precisamos
    quero chegou chegaram foram novo nova
    eu nós hoje ontem amanhã agora isso isto muito bem só mesmo aqui depois perfeito resolvido encerrar fechar abrir
    funcionou voltou instalei testei fiz fizemos era têm pessoal prezado prezada prezados
    atenciosamente abraço abraços senha boleto fatura erro chamado segue anexo até às qual quais fico aguardo
    retorno
    """
    ),
    "es": words(
        """
    que sin código número todo bien voy va puede pueden salió quedó dio
    no usted ustedes una un con para por favor gracias hola buenos buenas días tardes noches está estoy son
    también pero eso ese esa este esta ya todavía cuando hacer mi nuestro nuestra los las el la del al en y o
    su fue ser tiene tenemos puedo podemos necesito necesitamos saludos cordiales contraseña factura error
    quiero llegó llegaron fueron nuevo nueva
    yo nosotros hoy ayer mañana ahora eso esto mucho bien mismo aquí después perfecto resuelto cerrar abrir listo
    funcionó volvió instalé probé hice hicimos era tienen estimado estimada estimados lo le se ha he
    adjunto hasta cuál quedo espera respuesta muy pues qué cómo donde hay
    """
    ),
    "en": words(
        """
    the you your please thanks thank hello hi is are was were and or not with for this that these those it we
    our they have has had can cannot could would should when where what which how from to of in on at by be
    been my i am do does did will regards best sincerely password invoice error attached still yet but if
    there
    """
    ),
}
_KNOWN = frozenset(chain.from_iterable(_STOP.values()))


def guess(text: str) -> str | None:
    """`pt-BR`, `en` or `es`; None when the text is too short or the words do not decide."""
    text = lower(text[:1500])
    counted = _counted(text)
    known = [word for word in counted if word in _KNOWN]
    scores = {language: sum(counted[word] for word in known if word in stop) for language, stop in _STOP.items()}
    if not text.isascii():  # letters and signs that only one of the two neighbours has
        scores["pt-BR"] += sum(text.count(letter) for letter in "ãõçêô")
        scores["es"] += 2 * sum(text.count(letter) for letter in "ñ¿¡")
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    (best, high), (_, second) = ranked[0], ranked[1]
    if high < 2 or high == second:
        return None
    return best


def _counted(text: str) -> Counter[str]:
    """How often each word occurs; runs of letters, which most are, need no second look."""
    counted = Counter(_RUNS.findall(text))
    for run in [run for run in counted if not run.isalpha()]:
        for word in _WORDS.findall(run):
            counted[word] += counted[run]
    return counted
