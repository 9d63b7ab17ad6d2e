"""What mail clients write around a quote, in their users' languages: data for `body.py`, all lower-case."""

from __future__ import annotations

from mailgate.mail.phrases import phrases

#: Our own line above every notice, in the three languages.
MARKERS = phrases(
    """
    responda acima desta linha | reply above this line | responda por encima de esta línea | responda por encima
    de esta linea
    """
)

#: How an attribution line ends: `On … <x@y> wrote:`.
WROTE = phrases(
    """
    wrote | writes | escreveu | escribió | escribio | a écrit | a ecrit | schrieb | schrieb am | geschrieben |
    ha scritto | scrisse | schreef | schreef het volgende | het volgende geschreven | skrev | skrev følgende |
    napisał | napisał(a) | napisała | pisze | napsal | napsal(a) | napísal(a) | kirjoitti | пишет | написал |
    написал(а) | написала | пише | написав | написа | yazdı | şunu yazdı | a scris | írta | ezt írta | έγραψε |
    viết | đã viết | menulis | va escriure | idatzi du | rašė | rakstīja | je napisao | je napisao/la | napisao
    je | je napisal | כתב | כתב/ה | כתבה | كتب | نوشت | ने लिखा | 写道 | 寫道 | 書きました
    | のメール | 님이 작성 | 작성 | เขียน | เขียนว่า |
    said | sent | enviou | envió | shared this
    """
)

#: And how a sentence ends that only looks like one: `Em 05/11/2025 a Ana me escreveu:`.
TOLD = phrases(
    """
    _me escreveu | _nos escreveu | _lhe escreveu | _te escreveu | _e escreveu | _que escreveu | _se escreveu |
    _me enviou | _nos enviou | _e enviou | _que enviou | _me escribió | _nos escribió | _y escribió | _que escribió |
    _me envió | _nos envió | _and wrote | _who wrote | _he wrote | _she wrote | _they wrote | _i wrote | _it said |
    _he said | _she said | _they said | _and said | _and sent | _he sent | _she sent | _they sent | _i sent
    """
)

#: Verbs that stand in the middle: `Am … schrieb X <x@y>:`.
WROTE_INSIDE = phrases(
    """
    wrote | escreveu | escribió | schrieb | schreef | skrev | ha scritto | a écrit | napisał | пишет | написал |
    kirjoitti
    """
)

#: How an attribution without date begins (IMP and Horde, SquirrelMail).
QUOTING = phrases(
    """
    citando_ | quoting_ | zitat von_ | mensagem citada por_ | cita de_ | citat från_ | cytowanie_ | citazione_ |
    missatge de_ | citerar_ | citerer_ | citát od_ | lainaus_
    """
)

#: How an attribution line begins, where it has to be told from a sentence.
ON = phrases(
    """
    on_ | em_ | no dia_ | na_ | el_ | le_ | am_ | il_ | op_ | den_ | w dniu_ | dnia_ | dne_ | ma_ | la_ | pe_ |
    lun_ | ligado_ | în_ | a(z)_ | στις_ | vào_ | pada_ | på_ | at_ | от_ | в_ | on,_ | ter | mån_ | tors_ | fre_ | lør
    """
)

#: Names of header lines by which a client without `>` introduces what it quotes.
FROM = frozenset(
    phrases(
        """
    da | de | expéditeur | feladó | fra | from | frá | från | kimden | lähettäjä | nadawca | od | odesílatel |
    remitente | van | von | від | от | от: | 发件人 | 寄件者 | 差出人 | 보낸사람
    """
    )
)
OTHERS = frozenset(
    phrases(
        """
    a | aan | aihe | message du | message de | messaggio del | mensagem de | enviadas | enviadas em | enviados |
    enviados el | a: | remetente_ | oggetto: | kopi til | kopi | wysłane | sendt dato | temat wiadomości | čas |
    kopia do | 抄送人 | 收件時間 | 发送日期 | 日期时间
    | an | assunto | asunto | bcc | betreff | cc | cc: | com | copia | copie à | címzett | cópia
    | către | data | data de envio | data e hora | date | date sent | date: | dato | datum | do | elküldve |
    emne | enviada | enviada em | enviado | enviado a | enviado el | enviado em | enviado(s) | envoyé | fecha |
    fecha de envío | gesendet | gönderilen | importance | importância | inviato | kime | komu | konu | kopie |
    lähetetty | objet | odesláno | oggetto | onderwerp | para | prioridade | priority | päiväys | předmět |
    reply to | reply-to | responder para | responder-a | sendt | sent | sent on | skickat | subiect | subject |
    sujet | temat | til | till | to | trimis | tárgy | vastaanottaja | verzonden | verzonden op | wysłano | à |
    ämne | дата | кому | копия | надіслано | отправлено | тема | 主旨 | 主题 | 件名 | 傳送
    | 发送时间 | 宛先 | 抄送 | 收件人 | 收件者
    | 日時 | 日期 | 送信日時 | 날짜 | 받는사람 | 보낸 | 제목
    """
    )
)

#: The one of them that every client writes; people write the others too (`De: conta 1, Para: conta 2, Data: …`).
SUBJECT = frozenset(
    phrases(
        """
        assunto | asunto | subject | betreff | objet | sujet | oggetto | onderwerp | ämne | emne | temat | aihe |
        předmět | tárgy | konu | subiect | тема | 主旨 | 主题 | 件名 | 제목
        """
    )
)

#: Between dashes: `-----Original Message-----`.
ORIGINAL = phrases(
    """
    original message | original appointment | mensagem original | mensaje original | message d'origine | message
    original | ursprüngliche nachricht | ursprungliche nachricht | originalnachricht | messaggio originale |
    oorspronkelijk bericht | oorspronkelijk | ursprungligt meddelande | originalmeddelande | oprindelig
    meddelelse | oprindelig besked | opprinnelig besked | beskjed | original meddelelse | opprinnelig melding |
    alkuperäinen viesti | oryginalna wiadomość | wiadomość oryginalna | původní zpráva | eredeti üzenet | mesaj
    original | исходное сообщение | исходное письмо | пересылаемое сообщение | özgün ileti | orijinal mesaj |
    原始邮件 | 原始郵件 | 原郵件 | 元のメッセージ | original-nachricht | reply message
    | resposta original | izvorna poruka | mensagem anterior | mensagem citada | mensaje anterior | mensaje citado |
    texto original | original mail | original e-mail | original email | messaggio precedente | 원본 메일 | 原始信件 |
    original-nachricht
    """
)
FORWARDED = phrases(
    """
    forwarded message | begin forwarded message | mensagem encaminhada | início da mensagem encaminhada | inicio
    da mensagem encaminhada | mensaje reenviado | inicio del mensaje reenviado | message transféré | début du
    message réexpédié | début du message transféré | weitergeleitete nachricht | anfang der weitergeleiteten
    nachricht | messaggio inoltrato | inizio messaggio inoltrato | doorgestuurd bericht | begin doorgestuurd
    bericht | vidarebefordrat meddelande | videresendt meddelelse | przekazana wiadomość | přeposlaná zpráva |
    пересылаемое сообщение | 转发邮件 | 転送メッセージ | mensagem reencaminhada | início da mensagem reencaminhada |
    mensaje remitido | wiadomość przekazana dalej | начало переадресованного сообщения | 轉寄郵件 | 转发的邮件
    """
)

#: What says that answers stand within a quote that has no `>`: nothing of it is taken off then.
WITHIN = phrases(
    """
    respostas abaixo | respostas em_ | respondi abaixo | respondo abaixo | respondido abaixo | respondidas abaixo |
    comentários abaixo | comentarios abaixo | em vermelho | em azul | em verde | em negrito | nas entrelinhas |
    entre as linhas | no corpo do e-mail | no corpo do email | answers below | replies below | comments below |
    responses below | answered below | see inline | comments inline | replies inline | answers inline | inline below |
    in red below | below in red | in blue | in red | respuestas abajo | respuestas debajo | respondo abajo |
    comentarios abajo | en rojo | en azul | réponses ci-dessous | en rouge | en bleu | antworten unten | in rot |
    risposte sotto | in rosso
    """
)
