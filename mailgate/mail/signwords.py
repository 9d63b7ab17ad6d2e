"""What stands in signatures, in many languages: data for `signature.py`, all lower-case."""

from __future__ import annotations

from mailgate.mail.phrases import phrases, words

#: Lines that a phone or an app adds below the text, by how they begin.
SENT_FROM = phrases(
    """
    yahoo mail: | sent from my_ | sent from mail for | sent from outlook | sent from yahoo | sent from samsung |
    sent from
    proton | sent from gmail | sent from the_ | sent from iphone | sent from ipad | sent from a_ | sent from_ |
    sent with_ | sent via_ | sent by_ | get outlook for_ | get [outlook for | download outlook | from my iphone |
    from my ipad | from my android | from my phone | obter o outlook para |
    obter outlook para | baixe o outlook | baixar o outlook | obtenha o outlook | obtenha o yahoo |
    obtener outlook para | obtenga outlook | descarga outlook | enviado do meu_
    | enviado da minha_ | enviado de meu_ | enviado desde mi_ | enviado desde_ | enviado de mi_ | enviado do_ |
    enviado da_ | enviado de_ | enviado a partir d | enviado via_ | enviado por outlook | enviado por samsung |
    enviado pelo_ | enviado pela_ | enviado através d | enviada do meu_ | enviada pelo_ |
    enviado com_ | enviado con_ | enviado mediante_ | enviado por_ | envoyé de mon_ | envoyé depuis_ |
    envoyé à partir d | envoyé avec_ | envoyé par_ | télécharger outlook | obtenir outlook |
    von meinem_ | gesendet von_ | gesendet mit_ | gesendet über_ | diese nachricht wurde von meinem | holen sie sich
    outlook | outlook für android | outlook für ios | inviato da_ | inviato dal_ | inviato con_
    | scarica outlook | ottieni outlook | verstuurd vanaf_ | verzonden vanaf_ | verzonden met_ | verstuurd met_ |
    verzonden via_ | outlook voor_ | skickat från_ | skickades från_ | sendt fra_ | sendt med_ | sendt via_ |
    hent outlook | hämta outlook | skaff outlook | wysłane z_ | wysłano z_ | pobierz outlook | odesláno z_ |
    odoslané z_ | lähetetty_ | hanki outlook | отправлено с_ | отправлено из_ | отправлено от_ |
    надіслано з_ | надіслано із_ | iphone'umdan
    gönderildi | iphone’umdan gönderildi | iphoneから送信 | ipadから送信 | outlook for ios を入手 | 从我的
    | 发自我的 | 發自我的 | 發送自 | 来自我的 | 傳送自 | 從我的 iphone 傳送 | 獲取 outlook | 获取 outlook |
    나의 iphone에서 보냄 | 내 iphone에서 보냄 | trimis de pe_ | trimis din_ | sendt frå_ | enviat des d | nire iphone |
    elküldve az_ | küldve_ | στάλθηκε από_ | αποστολή από_ | poslano z_ | poslano s_ | נשלח מה | أُرسلت من | أرسلت من |
    çektiğim | gönderen:_ | được gửi từ_ | dikirim dari_ | ส่งจาก
    """
)
#: The same where the words that tell it stand at the end of the line.
SENT_FROM_END = phrases(
    """
    gesendet. | gesendet | から送信 | 傳送 | 发送 | 發送 | gönderildi | lähetetty | に送信 | を使って送信 | from mobile
    """
)
#: What such a line names: without one of these it may be a sentence (`Sent from my desk, which …`).
DEVICES = words(
    """
    iphone ipad ipod android galaxy samsung blackberry phone cell cellphone smartphone mobile mobil mobilgerät handy
    celular móvil móbil telefone telefon teléfono téléphone portable mobiltelefon handset tablet tablette outlook
    yahoo gmail mail email e-mail mailbox windows nokia lumia motorola moto xiaomi redmi huawei lg htc sony xperia
    pixel oneplus alcatel symbian bb10 zimbra proton protonmail tutanota spark airmail thunderbird aquamail bluemail
    edison app aplicativo dispositivo dispositif device gerät smartfon телефона айфона iphone'a iphonesta
    uol terra bol locaweb webmail icloud fairphone honor oppo vivo realme nothing surface
    """
)

#: Formulas that close a formal letter. What is said to a person (thanks, hugs) is none of them.
CLOSINGS = frozenset(
    phrases(
        """
        atenciosamente | att | atte | at.te | atenc | cordialmente | respeitosamente | cordiais saudações |
        cordiais cumprimentos | com os melhores cumprimentos | melhores cumprimentos | os meus cumprimentos |
        cumprimentos | saudações | saudações cordiais | sds | sem mais, atenciosamente |
        best regards | kind regards | warm regards | regards | with kind regards | with best regards | kindest regards
        | sincerely | yours sincerely | sincerely yours | yours faithfully | yours truly | respectfully |
        saludos cordiales | un cordial saludo | cordial saludo | cordiales saludos | atentamente | atte |
        saludos | un saludo | reciba un cordial saludo | muy atentamente | le saluda atentamente |
        cordialement | bien cordialement | bien à vous | sincères salutations | salutations distinguées | cdlt | cdt |
        mit freundlichen grüßen | mit freundlichen grüssen | mit freundlichem gruß | freundliche grüße |
        freundliche grüsse | beste grüße | viele grüße | mit besten grüßen | mfg | vg | hochachtungsvoll |
        cordiali saluti | distinti saluti | cordialità | un cordiale saluto |
        met vriendelijke groet | met vriendelijke groeten | vriendelijke groet | vriendelijke groeten | mvg |
        hoogachtend | med venlig hilsen | venlig hilsen | de bedste hilsner | mvh | kh | vh | kærlig hilsen |
        med vänlig hälsning | med vänliga hälsningar | vänliga hälsningar | vänligen | hälsningar |
        med vennlig hilsen | vennlig hilsen | beste hilsen | hilsen | pozdrawiam | z poważaniem | z powazaniem |
        z wyrazami szacunku | pozdrawiam serdecznie | serdecznie pozdrawiam | łączę pozdrowienia |
        s pozdravem | s úctou | s pozdravom | ystävällisin terveisin | terveisin | üdvözlettel | tisztelettel |
        с уважением | з повагою | saygılarımla | saygılarımızla | iyi çalışmalar | cu stimă | cu respect |
        με εκτίμηση | lep pozdrav | s poštovanjem | trân trọng | salam hormat | hormat saya
        """
    )
)

#: How a confidentiality notice or the line of a virus scanner begins.
DISCLAIMER = phrases(
    """
    esta mensagem | este e-mail | este email | esta comunicação | este correio eletrônico | este correio electrónico |
    a informação contida | as informações contidas | as informações transmitidas | o conteúdo desta mensagem |
    o conteúdo deste e-mail | aviso legal | aviso de confidencialidade | aviso de privacidade | confidencialidade |
    aviso: | importante: esta | nota de confidencialidade | declaração de confidencialidade | informação confidencial |
    this e-mail | this email | this message | this communication | the information contained | the information in this
    | the content of this | the contents of this | confidentiality notice | confidentiality note | confidential: |
    disclaimer | legal notice | important notice | notice: this | privileged and confidential | privileged/confidential
    | the information transmitted | please consider the environment |
    este mensaje | este correo | esta comunicación | la información contenida | el contenido de este |
    aviso de confidencialidad | cláusula de confidencialidad | aviso legal: | nota de confidencialidad |
    ce message | ce courriel | cet e-mail | les informations contenues | avis de confidentialité | diese e-mail |
    diese nachricht | der inhalt dieser | questo messaggio | questa e-mail | le informazioni contenute | ai sensi d |
    avviso di riservatezza | dit bericht | deze e-mail | denne e-post | denne e-mail | detta meddelande | ta wiadomość |
    niniejsza wiadomość | данное сообщение | настоящее сообщение | antes de imprimir | before printing |
    pense no meio ambiente | piense en el medio ambiente | livre de vírus | libre de virus | virus-free | virenfrei |
    sem vírus | este email foi escaneado | información de nod32 | informação do nod32 |
    information from eset | informações do eset |
    esta mensagem foi verificada | este e-mail foi verificado | este email foi verificado
    """
)
#: What a confidentiality notice speaks of; it needs one of each, or it is a sentence of the author's.
SECRET = phrases(
    """
    confiden | sigilo | privileg | vertraulich | riservat | vertrouwelijk | fortroli | konfiden | poufn | luottamuk |
    конфиденц
    """
)
ADDRESSED = phrases(
    """
    destinat | recipient | addressee | exclusiv | uso restrito | proibid | prohibi | apague | delete | elimine |
    eliminar | por engano | por erro | in error | empfänger | mottager | modtager | mottaker | adresat | verwijder |
    geadresseerde |
    адресат | получател
    """
)
#: What only the line of a scanner or of a friend of trees has; such a line may be short.
SCANNER = phrases(
    """avast | avg.com | nod32 | eset_ | antivírus | antivirus | imprimir | before printing | meio ambiente"""
)
