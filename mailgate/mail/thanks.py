"""Whether an answer says nothing but thank you, in Portuguese, English or Spanish. Pure, linear time.

Every word must be known to be harmless, and one must be a thank-you: a word that is not in the list (the name of a
thing, a number, `mas`, `ainda`, `não`, an "in advance") makes it an ordinary answer. So a thank-you that is missed
costs a ticket opened again; a complaint that is taken for a thank-you, which would cost a customer, needs a sentence
made of nothing but polite words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from mailgate.mail.phrases import words

#: A longer answer says more than thank you (characters, words).
_MOST_TEXT, _MOST_WORDS = 400, 40

_THANKS = words("""
    obrigado obrigada obrigados obrigadao obrigadissimo obrigadissima brigado brigada brigadao obg obgd obrig valeu vlw
    agradeco agradecemos agradecido agradecida agradecidos agradecidas grato grata gratos gratas gratidao
    thanks thank thx thankyou thnx tks tnx appreciated appreciate
    gracias agradezco
""")
#: `Agradeço o retorno` asks for one as often as it thanks for one; with `pelo` before it, it is what has come.
_ASKS = words("agradeco agradecemos agradezco agradecido agradecida grato grata gratos gratas appreciate appreciated")
_TO_COME = words("""
    retorno resposta respostas ajuda apoio auxilio suporte atendimento contato
    answer reply response help support
    respuesta ayuda apoyo soporte atencion
""")
_FOR = words("pelo pela pelos pelas por for your")
#: `Help` alone asks for it.
_HELP = words("ajuda help ayuda")
_HELPED = _FOR | words("a sua the la su great excelente")
#: What a thing is said to be, once it is; a `problem` without it close by is one that is there.
_DONE = words("""
    resolveu resolvido resolvida resolvidos resolvidas resolveram solucionou solucionado solucionada funcionou
    funcionando funciona consegui conseguimos certo
    solved fixed resolved works working worked
    resuelto resuelta solucionado solucionada solucion resolvio soluciono funciono funcionando funciona
""")
_THINGS = words("problema assunto chamado ticket protocolo issue problem matter tema asunto incidencia caso")
_ANOTHER = words("um a an un con has have deu is")
_HARMLESS = words("""
    a o as os e de do da dos das por pelo pela pelos pelas em um uma foi ficou deu tudo todo toda todos todas
    muito muita muitissimo mesmo demais bastante imensamente super ja agora aqui esta estao ta ok okay bem bom boa boas
    otimo otima excelente perfeito perfeita perfeitamente maravilha show top sucesso joia beleza blz legal nota
    mil dez rapido rapida agil eficiente sensacional parabens feliz satisfeito satisfeita
    ajuda atencao retorno resposta suporte apoio auxilio rapidez agilidade atendimento presteza paciencia gentileza
    prontidao empenho dedicacao solucao esclarecimento orientacao explicacao disponibilidade cordialidade pronto
    oi ola dia tarde noite semana fim final abraco abracos att atenciosamente cordialmente saudacoes beijo
    equipe time pessoal galera gente voces voce vc vcs sr sra senhor senhora caro cara prezado prezada prezados prezadas
    deus abencoe meu minha nos eu isso era sempre bjs abs tenha tenham tenga tengan

    you your very much so a lot all the for and it is was that this now its we i have has been to team everyone guys
    again help support quick fast reply response answer assistance great perfect excellent awesome wonderful good nice
    fine job work well done many kind best regards cheers hi hello dear morning afternoon evening day weekend week
    really much highly sincerely everything s ve re

    muchas muchisimas mil infinitas y la el los las un una su sus tu por todo todos con le les te ya ahora muy mucho
    bien bueno buena buenas buenos excelente perfecto perfecta genial estupendo todo esta fue era quedo
    ayuda atencion respuesta apoyo soporte rapidez amabilidad gentileza paciencia gestion colaboracion
    hola dias tardes noches saludos saludo cordial cordiales atentamente equipo estimado estimada estimados un abrazo
    abrazos feliz semana
""")


def only_thanks(text: str, names: Iterable[str] = ()) -> str:
    """The words of thanks, where a text says nothing else; "" for any other text.

    text: what was written, without quotation and signature. names: people who may be named in it, as they are written.
    """
    if len(text) > _MOST_TEXT or "?" in text or "¿" in text:
        return ""
    said = _words(text)
    if not said or len(said) > _MOST_WORDS:
        return ""
    known = {word for name in names for word in _words(name[:200])}
    for number, word in enumerate(said):
        if word in _TO_COME and _asked_for(said, number):
            return ""
        if word in _THINGS and not _is_done(said, number):
            return ""
        if word in _THINGS or word in known:
            continue
        if word not in _HARMLESS and word not in _THANKS and word not in _DONE:
            return ""
    return " ".join(word for word in said if word in _THANKS)


def _asked_for(said: list[str], number: int) -> bool:
    """Whether the answer or help of that place is one still to come: thanks close before it, and no `pelo`."""
    before = said[max(0, number - 4) : number]
    if said[number] in _HELP and _HELPED.isdisjoint(before):
        return True
    return not _ASKS.isdisjoint(before) and _FOR.isdisjoint(before)


def _is_done(said: list[str], number: int) -> bool:
    """Whether the thing of that place is said to be solved: close by, and not as one more of it."""
    near = said[max(0, number - 3) : number + 5]
    return not _DONE.isdisjoint(near) and _ANOTHER.isdisjoint(said[max(0, number - 1) : number])


def _words(text: str) -> list[str]:
    """Folded words. A digit is a word that nobody knows, a letter of no word (an emoji, a dash) parts words."""
    bare = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in bare).split()
