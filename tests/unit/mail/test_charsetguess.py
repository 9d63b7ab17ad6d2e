"""Bytes that name no charset: East Asian and Cyrillic text is read, Western text is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.charset import decode
from mailgate.mail.charsetguess import likely

_TEXTS = {
    "gb18030": "您好，我们的系统今天早上不能打印发票，请帮助我们解决这个问题，谢谢。",
    "big5hkscs": "您好，我們的系統今天早上不能列印發票，請協助我們解決這個問題，謝謝。",
    "cp949": "안녕하세요, 오늘 아침부터 시스템에서 송장을 인쇄할 수 없습니다. 도와 주시기 바랍니다.",
    "euc_jp": "お世話になっております。今朝から請求書が印刷できません。よろしくお願いいたします。",
    "cp932": "お世話になっております。今朝から請求書が印刷できません。よろしくお願いいたします。",
    "cp1251": "Здравствуйте, с сегодняшнего утра система не печатает счета. Помогите, пожалуйста.",
    "koi8-r": "Здравствуйте, с сегодняшнего утра система не печатает счета. Помогите, пожалуйста.",
}
_WESTERN = (
    "Não é possível emissão de notas: a impressão não funciona, há exceções nas configurações da filial.",
    "Informações: versões, exceções, situações, opções, seções, permissões, questões à disposição já.",
    "El año pasado la señora Muñoz envió una petición; según él, no llegó. ¿Podría comprobarlo mañana?",
    "Größe, Übergänge, Fußgängerüberwege und süße Äpfel: die Überprüfung läuft für größere Räume.",
    "L'été dernier, à l'hôtel, nous étions très gênés : la clé ne fonctionnait pas, où êtes-vous ?",
    "Ærø, blåbærgrød på Åse's å, smørrebrød, fløde",
)


@pytest.mark.parametrize("codec", _TEXTS)
def test_what_is_common_tells(codec: str) -> None:
    text = _TEXTS[codec]
    data = f"<p>Erro 656: {text}</p>\n".encode(codec)
    assert likely(data) == codec
    for declared in ("", "unknown-8bit", "iso-8859-1", "us-ascii"):
        assert text in decode(data, declared)[0]


@pytest.mark.parametrize("text", _WESTERN)
@pytest.mark.parametrize("codec", ["cp1252", "iso8859-15"])
def test_western_text_is_western(text: str, codec: str) -> None:
    assert likely(text.encode(codec, "replace")) == ""
    assert decode(text.encode("cp1252", "replace"))[0] == text.encode("cp1252", "replace").decode("cp1252")


def test_a_few_bytes_are_no_evidence() -> None:
    for data in (b"\xe9", b"Jos\xe9 e Concei\xe7\xe3o", b"\xa9 2025 Firma\xae"):
        assert likely(data) == ""


@given(st.binary(max_size=400))
def test_any_bytes_give_a_text(data: bytes) -> None:
    decode(data)[0].encode("utf-8")
