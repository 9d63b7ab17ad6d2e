"""The words of delivery reports: who sends them, how they call themselves, how a failure and a delay are said.

Lists, and nothing else; `dsn` and `dsn_reason` look into them. All are lower-case. A phrase stands here because a mail
system writes it, not because one mail does.
"""

from __future__ import annotations

from mailgate.mail.phrases import phrases

#: In the address of a report's From, with `-`, `_` and `.` of the local part taken out.
MACHINES = (
    "mailerdaemon",
    "postmaster",
    "maildaemon",
    "maildelivery",
    "daemon@",
    "microsoftexchange",
    "mailsystem",
    "complaints@email-abuse",
    "bounce",
    "noreply@ses",
    "mailsweeper",
    "deliveryservice",
    "mailrouter",
    "mtaadmin",
)
#: In the display name of a report's From.
MACHINE_NAMES = phrases(
    """
    mail delivery | mail-delivery | mailer-daemon | mailer daemon | system administrator | mail administrator |
    postmaster | delivery subsystem | delivery system | administrador do sistema | administrador del sistema |
    sistema de entrega | subsistema de entrega | sistema de correo | sistema de e-mail | администратор | mail system
    """
)
#: How a report's subject begins, or what stands in the subject of a mail that a machine sent.
SUBJECTS = phrases(
    """
    undeliver | delivery status notification | delivery failure | delivery failed | delivery has failed |
    mail delivery | failure notice | failed mail | failed delivery | mail failed | returned mail |
    returned to sender | return receipt | mail system error | processing error | message status | undelivered |
    could not be delivered | non remis | unzustellbar | não entregue | nao entregue | falha na entrega |
    falha de entrega | falha no envio | falha ao entregar | falha na notificação | não foi entregue |
    não foi possível entregar | não é possível entregar | mensagem não entregue | mensagem devolvida |
    e-mail devolvido | erro na entrega | erro de entrega | devolvida: | entrega atrasada | atraso na entrega |
    entrega adiada | retorno de mensagem | aviso de entrega | aviso de devolução | no se puede entregar |
    no se pudo entregar | no entregado | error de entrega | error en la entrega | fallo en la entrega |
    fallo de entrega | mensaje devuelto | correo devuelto | entrega retrasada | entrega demorada |
    notificação de status de entrega | notificação de estado de entrega | notificação sobre o estado de entrega |
    notificación de estado de entrega | notificación del estado de entrega | delivery notification |
    nondeliverable | not delivered | non delivery | non-delivery | delivery report | mail error | mail failure |
    message delivery | message not delivered | warning: could not send | warning: message | delayed mail |
    delayed delivery | message delayed | delivery delayed | delivery delay | unable to deliver |
    email address change | mdaemon notification | delivery problem | error sending | user unknown | rejected |
    nicht zugestellt | mancata consegna | недоставлен | не доставлено | bounce | delivery error | dsn: |
    mail could not | auto reply from | could not deliver | impossible | 退信 | 投递失败 | 发送失败 | 系统退信 |
    傳送失敗 | 配信不能 | 送信エラー
    """
)
#: What says, in the text, that something was not delivered.
SAYS_FAILED = phrases(
    """
    could not be delivered | couldn't be delivered | not delivered | undeliver | delivery failed |
    delivery has failed | delivery to the following | failed permanently | permanent error | permanent fatal |
    unable to deliver | wasn't able to deliver | was not able to deliver | user unknown | unknown user |
    no such user | mailbox unavailable | mailbox full | mailbox is full | quota | rejected | returned to you |
    returned to sender | been returned | not found | does not exist | doesn't exist | was not reached |
    not been delivered | cannot be delivered | can't be delivered | could not deliver | couldn't deliver |
    host unknown | unknown host | did not reach | failed to deliver | has been delayed | delayed | still being |
    did not exactly match | não foi possível entregar | não é possível entregar | não pôde ser entregue |
    não pode ser entregue | não foi entregue | não pudemos entregar | falha na entrega | falha permanente |
    usuário desconhecido | caixa postal cheia | no se pudo entregar | no se puede entregar |
    no se ha podido entregar | no pudo ser entregado | no ha sido entregado | pas pu etre delivre | pas pu être |
    konnte nicht | errors occurred | error | fail | invalid | blocked | undelivered | no longer | disabled |
    not accepted | refused | konnte | denied | over quota | exceed | could not | 配信 | 届け | 无法 | 無法 | 失败 |
    失敗 | 退信
    """
)
#: What nobody but a mail system says: with the null sender or a returned mail beside it, no code is needed.
SAYS_RETURNED = phrases(
    """
    could not be delivered | couldn't be delivered | undeliverable | delivery failed | delivery has failed |
    delivery to the following | failed permanently | permanent fatal | unable to deliver | wasn't able to deliver |
    was not able to deliver | did not reach the following | recipient(s) | address(es) | failed addresses |
    message has been returned | mail has been returned | não foi possível entregar | não é possível entregar |
    não pôde ser entregue | não pode ser entregue | no se pudo entregar | no se puede entregar |
    no se ha podido entregar | no pudo ser entregado | no such user | user unknown | unknown user | 无法 | 無法 |
    届け
    """
)
#: What says that the system has not given up.
TEMPORARY = phrases(
    """
    will be retried | will continue to | has been delayed | not yet been delivered | still being retried |
    is delayed | will keep trying | do not need to resend | no need to resend | not need to re-send |
    warning message only | this is a warning | temporary failure report | will be tried again | continue trying |
    will retry | keep trying | is still in the queue | has not been delivered yet | a entrega está atrasada |
    entrega atrasada | nova tentativa | novas tentativas | continuaremos tentando | continuará tentando |
    se ha retrasado | se volverá a intentar | seguirá intentando | seguiremos intentando |
    no es necesario volver a enviar | não é necessário reenviar
    """
)
#: What says that it has, whatever else the text holds.
GIVEN_UP = phrases(
    """
    permanent error | permanent fatal | permanently | given up | giving up | gave up | not going to try again |
    could not be delivered for | message expired | too long | deleted from queue | falha permanente |
    error permanente
    """
)
