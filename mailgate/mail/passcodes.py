"""Whether a mail hands over a code or link that proves an address, and the mail without it. Pure, linear.

Somebody signs up at another service with an address of ours that he reads by a ticket of his (the "Ticket Trick"): the
service's mail becomes a comment there, and he would belong to the company's rooms. So what another person wrote is
shown to customers without such a code; agents see it, and are warned. Costs nothing where a colleague only speaks of
codes: only the digits and addresses of that one message are left out.
"""

from __future__ import annotations

import re

from mailgate.mail.phrases import lower, phrases

_ACCENTS = str.maketrans("áàâãäçéêèíîóôõöúûüñ", "aaaaaceeeiioooouuun")
#: How a mail speaks of what it hands over, in the languages that services write in, lower case; compared without
#: accents, which some leave out.
_HANDED = phrases("""
    verification code | verification link | confirmation code | security code | login code | sign-in code
    | access code | one-time | one time code | one time password | passcode | verify your | confirm your e
    | confirm your account | activate your account | reset your password | magic link | sign in to | is your code
    | your code is | complete your sign | has invited you | invited you to join | join the workspace
    | código de verificação | código de confirmação
    | código de segurança | código de acesso | código de login
    | código de uso único | seu código é | _é o seu código | _é seu código | verifique seu | verifique o seu
    | confirme seu | confirme o seu | confirmar seu | ative sua conta | ative a sua conta | ativar sua conta
    | redefinir sua senha | redefina sua senha | senha temporária | convidou você | código de verificación
    | código de confirmación | código de seguridad | código de acceso | código de un solo uso | tu código es
    | su código es | verifica tu | verifique su | confirma tu | confirme su | activa tu cuenta | active su cuenta
    | restablecer tu contraseña | restablecer su contraseña | code de vérification | code de confirmation
    | vérifiez votre | confirmez votre | bestätigungscode | sicherheitscode | bestätigen sie
    | your code: | seu código: | tu código: | su código: | authentication code | código de autenticação
    | código de autenticación | activation code | activation link | código de ativação | código de activación
    | been invited to | accept the invitation | accept invitation | aceite o convite | aceitar o convite
    | aceptar la invitación | acepta la invitación
""".translate(_ACCENTS))  # fmt: skip
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_WORD = re.compile(r"(?<![\w@./-])(?:\d{3,4} \d{3,4}|\d(?: \d){3,7}|[A-Z0-9]+(?:-[A-Z0-9]+)?)(?![\w@-])")
_SHORTEST, _LONGEST = 4, 12
_LOOKED_AT = 50_000
_MOST_SHOWN = 100_000
HIDDEN = "••••••"


def hands_over(subject: str, text: str, html: str = "", *, by_machine: bool = False) -> bool:
    """Whether the words of a mail hand over a code or link by which an address or account is proven.

    html: sanitised; its buttons have addresses that the text does not show. by_machine: whoever wrote it is nobody who
    reads answers; such a mail need not speak of codes to hand one over ("Sign in", and a button).
    """
    looked_at = f"{subject}\n{text[:_LOOKED_AT]}"
    said = "" if by_machine else lower(looked_at).translate(_ACCENTS)
    if not by_machine and not any(one in said for one in _HANDED):
        return False
    links = bool(_LINK.search(looked_at) or _LINK.search(html))
    return links or any(_is_code(word[0]) for word in _WORD.finditer(looked_at))


def without_codes(text: str) -> str:
    """The text with dots in place of every address and everything that may be a code; no more than 100,000 letters."""
    shown = _LINK.sub(HIDDEN, text[:_MOST_SHOWN])
    return _WORD.sub(lambda word: HIDDEN if _is_code(word[0]) else word[0], shown)


def _is_code(word: str) -> bool:
    """Four to twelve capitals and digits, a digit among them: `482913`, `123 456`, `4 8 2 9 1 3`, `MV6-Q9X`."""
    return _SHORTEST <= len(word.replace(" ", "")) <= _LONGEST and any(letter.isdigit() for letter in word)
