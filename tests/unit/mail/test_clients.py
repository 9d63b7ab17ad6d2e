"""How mail clients introduce a quote and end a text: one line or block of each, below an answer of one line."""

from __future__ import annotations

import pytest

from mailgate.mail.body import strip_reply

OWN = "Pode fechar, obrigado."

# fmt: off
QUOTES = {
    "gmail pt": "Em qua., 5 de nov. de 2025 às 09:58, Suporte <s@x.test> escreveu:\n\n> Olá",
    "gmail es": "El mié, 5 nov 2025 a las 9:58, Suporte (<s@x.test>) escribió:\n\n> Hola",
    "iphone pt": (
        "Enviado do meu iPhone\n\n> Em 5 de nov. de 2025, à(s) 09:58, Suporte <s@x.test> escreveu:\n> \n"
        "> Olá"
    ),
    "iphone pt nogt": (
        "Enviado do meu iPhone\n\nEm 5 de nov. de 2025, à(s) 09:58, Suporte <s@x.test> escreveu:\n\nOlá"
    ),
    "outlook desk": (
        "De: Suporte [mailto:s@x.test]\nEnviada em: quarta-feira, 5 de novembro de 2025 09:58\n"
        "Para: Ana\nAssunto: x\n\nOlá"
    ),
    "outlook mac": (
        "De: Suporte <s@x.test>\nData: quarta-feira, 5 de novembro de 2025 às 09:58\nPara: Ana <a@x>\n"
        "Assunto: x\n\nOlá"
    ),
    "outlook pt-PT": (
        "De: Suporte <s@x.test>\nEnviada: 5 de novembro de 2025 09:58\nPara: Ana <a@x>\nAssunto: x\n\n"
        "Olá"
    ),
    "outlook mobile": (
        "Obter o Outlook para Android<https://aka.ms/x>\n________________________________\n"
        "From: Suporte <s@x.test>\nSent: Wednesday\nTo: Ana\nSubject: x\n\nOlá"
    ),
    "winmail": (
        "Enviado do Email para Windows\n\nDe: Suporte\nEnviado:quarta-feira\nPara: Ana\nAssunto: x\n\n"
        "Olá"
    ),
    "yahoo pt": (
        "Em quarta-feira, 5 de novembro de 2025 às 09:58:00 BRT, Suporte <s@x.test> escreveu:  \n \n"
        " Olá Ana"
    ),
    "yahoo mob": (
        "Enviado do Yahoo Mail para iPhone\n\n\n"
        "Em quarta-feira, novembro 5, 2025, 9:58 AM, Suporte <s@x.test> escreveu:\n\nOlá"
    ),
    "yahoo mob2": (
        "Yahoo Mail: Pesquisar, organizar, conquistar \n \n"
        "  Em qua., 5 de nov. de 2025 às 9:58, Suporte<s@x.test> escreveu:   Olá Ana"
    ),
    "samsung": (
        "Enviado do meu smartphone Samsung Galaxy.\n\n-------- Mensagem original --------\n"
        "De: Suporte <s@x.test> \nData: 05/11/2025  09:58  (GMT-03:00) \nPara: a@x \nAssunto: x \n\nOlá"
    ),
    "samsung2": "Enviado do meu Galaxy\n\n\n-------- Mensagem original --------\nDe: Suporte <s@x.test>\nOlá",
    "roundcube": "Em 2025-11-05 09:58, Suporte escreveu:\n> Olá",
    "zimbra": (
        "----- Mensagem original -----\nDe: \"Suporte\" <s@x.test>\nPara: \"Ana\" <a@x.test>\n"
        "Enviadas: Quarta-feira, 5 de novembro de 2025 9:58:00\nAssunto: x\n\nOlá"
    ),
    "zimbra new": (
        "De: \"Suporte\" <s@x.test>\nPara: \"Ana\" <a@x.test>\n"
        "Enviadas: Quarta-feira, 5 de novembro de 2025 9:58:00\nAssunto: x\n\nOlá"
    ),
    "zimbra es": (
        "De: \"Suporte\" <s@x.test>\nPara: \"Ana\" <a@x.test>\n"
        "Enviados: Miércoles, 5 de Noviembre 2025 9:58:00\nAsunto: x\n\nOlá"
    ),
    "horde": "Citando Suporte <s@x.test>:\n\n> Olá",
    "horde en": "Quoting Suporte <s@x.test>:\n\n> Olá",
    "horde none": "Citando Suporte <s@x.test>:\n\nOlá",
    "horde5": "Suporte <s@x.test> escreveu:\n\n> Olá",
    "terra": "On Qua 05/11/25 09:58 , Suporte s@x.test sent:\n\nOlá",
    "terra2": "Em Qua 05/11/25 09:58 , Suporte s@x.test escreveu:\n\nOlá",
    "uol": (
        "De: \"Suporte\" <s@x.test>\nEnviada: 2025/11/05 09:58:00\nPara: a@uol.test\nAssunto: x\n \nOlá"
    ),
    "uol2": "---\nEm 05/11/2025 09:58, Suporte < s@x.test > escreveu:\n\nOlá",
    "notes": "De:	Suporte <s@x.test>\nPara:	Ana\nData:	05/11/2025 09:58\nAssunto:	x\n\n\nOlá",
    "mailru": "Среда, 5 ноября 2025, 9:58 +03:00 от Suporte <s@x.test>:\n\nOlá",
    "mailru2": " \n>Среда, 5 ноября 2025, 9:58 +03:00 от Suporte <s@x.test>:\n> \n>Olá",
    "yandex": "05.11.2025, 09:58, \"Suporte\" <s@x.test>:\n> Olá",
    "yandex2": "05.11.2025 в 09:58, Suporte написал(а):\n\nOlá",
    "qq": (
        "------------------ 原始邮件 ------------------\n发件人: \"Suporte\" <s@x.test>;\n"
        "发送时间: 2025年11月5日(星期三) 上午9:58\n收件人: \"Ana\"<a@x.test>;\n主题: x\n\nOlá"
    ),
    "qq en": (
        "------------------&nbsp;Original&nbsp;------------------\nFrom: \"Suporte\" <s@x.test>;\n"
        "Date: Wed\nTo: \"Ana\"<a@x.test>;\nSubject: x\n\nOlá"
    ),
    "qq en2": (
        "------------------ Original ------------------\nFrom: &nbsp;\"Suporte\" <s@x.test>;\n"
        "Date: &nbsp;Wed\nTo: &nbsp;\"Ana\"<a@x.test>;\nSubject: &nbsp;x\n\nOlá"
    ),
    "netease": "At 2025-11-05 09:58:00, \"Suporte\" <s@x.test> wrote:\n>Olá",
    "netease cn": "在 2025-11-05 09:58:00，\"Suporte\" <s@x.test> 写道：\nOlá",
    "proton": "Em quarta-feira, 5 de novembro de 2025 às 09:58, Suporte <s@x.test> escreveu:\n\n> Olá",
    "proton old": (
        "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\n"
        "On Wednesday, November 5th, 2025 at 9:58 AM, Suporte <s@x.test> wrote:\n\n> Olá"
    ),
    "fastmail": "On Wed, 5 Nov 2025, at 09:58, Suporte wrote:\n> Olá",
    "zoho": "---- On Wed, 05 Nov 2025 09:58:00 -0300 Suporte <s@x.test> wrote ----\n\nOlá",
    "zoho pt": "---- Em qua., 05 nov. 2025 09:58:00 -0300 Suporte <s@x.test> escreveu ----\n\nOlá",
    "zoho pt2": "---- Ligado Qua, 05 nov 2025 09:58:00 -0300 Suporte <s@x.test> escreveu ----\n\nOlá",
    "blackberry": "-----Original Message-----\nFrom: Suporte\nDate: Wed\nTo: a\nReply-To: b\nSubject: x\n\nOlá",
    "tb de": "Am 05.11.2025 um 09:58 schrieb Suporte:\n> Olá",
    "tb pt": "Em 05/11/2025 09:58, Suporte escreveu:\n> Olá",
    "tb ptpt": "Às 09:58 de 05/11/2025, Suporte escreveu:\n> Olá",
    "evolution": "Em qua, 2025-11-05 às 09:58 -0300, Suporte escreveu:\n> Olá",
    "mutt": "On Wed, Nov 05, 2025 at 09:58:00AM -0300, Suporte wrote:\n> Olá",
    "gmx": (
        "> Gesendet: Mittwoch, 05. November 2025 um 09:58 Uhr\n> Von: \"Suporte\" <s@x.test>\n"
        "> An: a@x\n> Betreff: x\n>\n> Olá"
    ),
    "gmx2": (
        "Gesendet: Mittwoch, 05. November 2025 um 09:58 Uhr\nVon: \"Suporte\" <s@x.test>\nAn: a@x\n"
        "Betreff: x\n\nOlá"
    ),
    "gmail ja": "2025年11月5日(水) 9:58 Suporte <s@x.test>:\n\n> Olá",
    "gmail zh": "Suporte <s@x.test> 于2025年11月5日周三 09:58写道：\n\n> Olá",
    "gmail ko": "2025년 11월 5일 (수) 오전 9:58, Suporte <s@x.test>님이 작성:\n\n> Olá",
    "gmail he": (
        "\u202bבתאריך יום ד׳, 5 בנוב׳ 2025 ב-9:58 מאת \u202aSuporte\u202c\u200f <\u202as@x.test\u202c\u200f>:\u202c\n"
        "\n> Olá"
    ),
    "gmail he2": (
        "\u202bבתאריך יום ד׳, 5 בנוב׳ 2025 ב-9:58 מאת \u202aSuporte\u202c\u200f <\u202as@x.test\u202c\u200f>:\u202c\n"
        "\nOlá"
    ),
    "gmail tr": "Suporte <s@x.test>, 5 Kas 2025 Çar, 09:58 tarihinde şunu yazdı:\n\n> Olá",
    "gmail fi": "ke 5. marrask. 2025 klo 9.58 Suporte (s@x.test) kirjoitti:\n\n> Olá",
    "gmail hu": "Suporte <s@x.test> ezt írta (időpont: 2025. nov. 5., Sze, 9:58):\n\n> Olá",
    "gmail cs": "st 5. 11. 2025 v 9:58 odesílatel Suporte <s@x.test> napsal:\n\nOlá",
    "gmail ru": "ср, 5 нояб. 2025 г. в 09:58, Suporte <s@x.test>:\n\nOlá",
    "gmail nl": "Op wo 5 nov 2025 om 09:58 schreef Suporte <s@x.test>:\n\nOlá",
    "gmail it": "Il giorno mer 5 nov 2025 alle ore 09:58 Suporte <s@x.test> ha scritto:\n\nOlá",
    "gmail fr": "Le mer. 5 nov. 2025 à 09:58, Suporte <s@x.test> a écrit :\n\nOlá",
    "gmail el": "Στις Τετ 5 Νοε 2025 στις 9:58 π.μ., ο/η Suporte <s@x.test> έγραψε:\n\nOlá",
    "gmail vi": "Vào Th 4, 5 thg 11, 2025 vào lúc 09:58 Suporte <s@x.test> đã viết:\n\nOlá",
    "gmail ro": "mie., 5 nov. 2025 la 09:58, Suporte <s@x.test> a scris:\n\nOlá",
    "gmail ar": (
        "في الأربعاء، 5 نوفمبر 2025 في 9:58 ص تمت كتابة ما يلي بواسطة "
        "\u202aSuporte\u202c\u200f <\u202as@x.test\u202c\u200f>:\n"
        "\nOlá"
    ),
    "gmail th": "ในวันที่ พ. 5 พ.ย. 2025 เวลา 09:58 Suporte <s@x.test> เขียนว่า:\n\nOlá",
    "gmail uk": "ср, 5 лист. 2025 р. о 09:58 Suporte <s@x.test> пише:\n\nOlá",
    "gmail pl": "śr., 5 lis 2025 o 09:58 Suporte <s@x.test> napisał(a):\n\nOlá",
    "gmail ca": "Missatge de Suporte <s@x.test> del dia dc., 5 de nov. 2025 a les 9:58:\n\nOlá",
    "gmail da": "Den ons. 5. nov. 2025 kl. 09.58 skrev Suporte <s@x.test>:\n\nOlá",
    "groupwise": ">>> Suporte <s@x.test> 05/11/2025 09:58 >>>\nOlá\n\nVeja",
    "incredimail": (
        "-------Mensagem original-------\n \nDe: Suporte\nData: 05/11/2025\nPara: a\nAssunto: x\n \nOlá"
    ),
    "hotmail old": "Date: Wed, 5 Nov 2025\nFrom: s@x.test\nTo: a@x.test\nSubject: x\n\nOlá",
    "locaweb": "Em 05-11-2025 09:58, Suporte escreveu:\n\n> Olá",
    "exchange ctrl": (
        "-----Mensagem original-----\nDe: Suporte [mailto:s@x.test] \nEnviada em: quarta-feira\n"
        "Para: a\nAssunto: x\n\nOlá"
    ),
    "icewarp": "-----Original Message-----\nFrom: Suporte <s@x.test>\nTo: a\nDate: Wed\nSubject: x\n\nOlá",
    "sogo": "Em Quarta-feira, 05 de Novembro de 2025 09:58 -03, Suporte <s@x.test> escreveu:\n \n> Olá",
    "expresso": "Em 05/11/2025 às 09:58 horas, \"Suporte\" <s@x.test> escreveu:\n> Olá",
    "squirrel": "> Olá\n> Ana",
    "squirrel2": "Em Qua, Novembro 5, 2025 9:58 am, Suporte escreveu:\n> Olá",
    "bold attr": "*Em qua., 5 de nov. de 2025 às 09:58, Suporte <s@x.test> escreveu:*\n\nOlá",
    "titan": "On Wed, Nov 5, 2025 at 9:58 AM -03, Suporte <s@x.test> wrote:\n\nOlá",
    "spark": "Em 5 de nov. de 2025 09:58 -0300, Suporte <s@x.test>, escreveu:\n> Olá",
    "hdr block br one line": (
        "De: Suporte <s@x.test> Enviada em: quarta-feira, 5 de novembro de 2025 09:58 Para: Ana <a@x.test> Assunto: x\n"
        "\nOlá"
    ),
    "hey": "On November 5, 2025, Suporte <s@x.test> wrote:\n\nOlá",
}
SIGNATURES = [
    "Enviado do meu iPhone",
    "Enviado do meu Galaxy",
    "Enviado via Yahoo Mail",
    "Obter o Outlook para Android",
    "Obter o Outlook para iOS",
    "Enviado do Outlook",
    "Enviado do Yahoo Mail para iPhone",
    "Enviado do meu smartphone BlackBerry 10.",
    "Enviado a partir do meu telemóvel Samsung",
    "Enviado do Email para Windows",
    "Enviado do meu Windows Phone",
    "Enviado do meu smartphone Samsung Galaxy.",
    "Enviado por Samsung Mobile",
    "Enviado pelo meu Motorola",
    "Enviado do Outlook para Android<https://x.test>",
    "Enviado do meu celular",
    "Enviado do meu iPad",
    "Enviado através do Yahoo Mail no Android",
    "Enviado pelo UOL Mail",
    "Enviado do Gmail móvel",
    "Enviado com o e-mail seguro Proton Mail.",
    "Livre de vírus.www.avast.com<https://x.test>",
    "Enviado desde mi iPhone",
    "Obtener Outlook para iOS",
    "Sent from Yahoo Mail for iPhone",
    "Sent from Outlook for Android",
    "Enviada do meu iPhone",
    "---\nEste email foi escaneado pelo Avast antivírus.\nwww.avast.com",
    "Yahoo Mail: Pesquisar, organizar, conquistar",
    "Atenciosamente,\nAna Souza\nFinanceiro - Exemplo Ltda.\n(11) 3333-4444",
    "Att,\n\nAna Souza\nAnalista\nTel.: (11) 3333-4444",
    (
        "Esta mensagem e seus anexos são confidenciais e destinados exclusivamente ao destinatário. Se "
        "você a recebeu por engano, apague-a e avise o remetente."
    ),
    (
        "Esta mensagem, incluindo seus anexos, pode conter informação confidencial e/ou\n"
        "privilegiada. Se você não for o destinatário, não deve usar\n"
        "nem copiar. Apague-a.\n"
        "\n"
        "This message may contain confidential and/or privileged information. If you are not the\n"
        "addressee, you must not use or copy it. Delete it."
    ),
    "Antes de imprimir, pense no meio ambiente.",
    "Sent with Proton Mail secure email.",
    "Enviado com Proton Mail, e-mail seguro.",
    "Télécharger Outlook pour iOS",
    "Von meinem iPhone gesendet",
    "Verstuurd vanaf mijn iPhone",
    "Inviato da iPhone",
    "Skickat från min iPhone",
    "Wysłane z iPhone'a",
    "Отправлено с iPhone",
    "iPhone'umdan gönderildi",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "--\nAna",
    "-- \nAna",
    "—\nSent from Mobile",
]
# fmt: on


@pytest.mark.parametrize("client", QUOTES)
def test_what_a_client_quotes_goes(client: str) -> None:
    reply, elided = strip_reply(f"{OWN}\n\n{QUOTES[client]}\n")
    assert reply == OWN
    assert elided.split() == QUOTES[client].replace("\ufeff", "").split()


@pytest.mark.parametrize("signature", SIGNATURES)
def test_what_a_client_signs_goes(signature: str) -> None:
    reply, elided = strip_reply(f"{OWN}\n\n{signature}\n")
    assert reply == OWN
    assert elided.split() == signature.split()
