"""What the demo says, on the terminal and in the browser, in Portuguese and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PT = {
    "first.subject": "Nota fiscal não imprime",
    "first.body": "Olá,\n\nA nota 4711 não imprime desde hoje cedo: a impressora pisca e nada sai.\n\nObrigada,\nAna",
    "reply.answer.title": "Responder ao cliente",
    "reply.answer.body": "Bom dia, Ana!\n\nReinicie o serviço de impressão e tente de novo. Funcionou?\n\n{name}",
    "reply.resolve.title": "Responder e resolver (#resolvido)",
    "reply.resolve.body": "Que bom! Se voltar a acontecer, basta responder este e-mail.\n\n{name}\n\n#resolvido",
    "reply.note.title": "Nota interna (#nota), o cliente não vê",
    "reply.note.body": "#nota\n\nÉ a impressora do segundo andar outra vez.",
    "reply.thanks.title": "Responder",
    "reply.thanks.body": "Reiniciei e agora imprimiu. Obrigada!\n\n{name}",
    "reply.again.title": "Responder que o problema voltou",
    "reply.again.body": "Parou de novo: a mesma nota não sai.\n\n{name}",
    "banner.title": "mailgate: demonstração",
    "banner.lead": "Um suporte inteiro nesta máquina. Nenhum e-mail sai daqui.",
    "banner.mailboxes": "Caixas de e-mail de todos",
    "banner.portal": "Portal do cliente (pelo link de cada e-mail)",
    "banner.smtp": "SMTP, o e-mail dos clientes",
    "banner.submission": "Envio dos agentes, com senha",
    "banner.lmtp": "LMTP",
    "banner.ops": "Saúde e métricas",
    "banner.folder": "Configuração e dados",
    "banner.commands": "Em outro terminal",
    "banner.stop": "Ctrl-C termina.",
    "banner.login": "{addresses} (senha {password})",
    "in": "entrou",
    "out": "saiu",
    "ticket": "ticket",
    "line.opened": '{author}: "{subject}" abriu {key}',
    "line.commented": "{author} comentou em {key}",
    "line.command": "{author} mandou um comando para {key}",
    "line.duplicate": "{author}: o mesmo e-mail outra vez, nada a fazer",
    "line.automatic": "{author}: e-mail automático, fica sem resposta",
    "line.dsn": "{author}: aviso de devolução",
    "line.rejected": "{author}: recusado ({detail})",
    "line.held": "{author}: retido para uma pessoa olhar ({detail})",
    "line.status": "{key}: {old} → {new}",
    "line.assigned": "{key} agora é de {agent}",
    "line.noted": "{author} deixou uma nota interna em {key}",
    "line.accepted": "{notice} para {to}",
    "line.failed": "{notice} para {to} foi recusado: {answer}",
    "notice.N1": "confirmação",
    "notice.N5": "resposta",
    "notice.N6": "mudança de status",
    "notice.N11": "aviso de reabertura",
    "notice.N19": "aviso ao agente",
    "notice.CONFIRM": "pedido de confirmação",
    "notice.COMMAND_ERROR": "comando não entendido",
    "next": "Agora",
    "step.write": "Ana escreve ao suporte. Cole esta linha em outro terminal:",
    "step.answer": "{key} está aberto. Ana já tem a confirmação: {ack}\nBruno responde, do programa de e-mail dele:",
    "step.reply": "Ana recebeu a resposta do suporte: {link}\nAna responde:",
    "step.resolve": "Bruno recebeu o comentário: {link}\nBruno responde e resolve, com #resolvido na última linha:",
    "step.reopen": "{key} está resolvido: {link}\nMas o problema voltou, e Ana responde:",
    "step.done": "{key} está reaberto, a história está completa. O link deste e-mail abre o portal: {link}\n"
    "Por que cada e-mail foi parar onde foi: {program} explain {key} --config {folder}\n"
    "Depois: edite {folder}/mailgate.yaml, escreva você mesmo a {support}, ou leia docs/flow.md.",
    "swaks": "ou com swaks",
    "bye": "Até logo. Tudo ficou em {folder}; `{program} demo` continua de onde parou, `--fresh` começa do zero.",
    "web.title": "Caixas de e-mail",
    "web.lead": "O que o relay da demonstração recebeu. A página se atualiza sozinha.",
    "web.empty": "Nada ainda.",
    "web.customer": "cliente",
    "web.agent": "agente",
    "web.start": "Primeiro e-mail: Ana escreve ao suporte",
    "web.start.lead": "Cole uma destas linhas em um terminal.",
    "web.back": "Todas as caixas",
    "web.from": "De",
    "web.to": "Para",
    "web.date": "Data",
    "web.reply_to": "Respostas a",
    "web.view.html": "HTML",
    "web.view.text": "Texto",
    "web.view.source": "Fonte",
    "web.files": "Anexos",
    "web.reply": "Responder como {name}",
    "web.reply.lead": "Um clique seleciona a linha inteira; cole em um terminal. Mude o texto à vontade.",
    "web.gone": "Esta carta não existe.",
    "web.signed": "assinado: {domain}",
    "web.auto": "automático",
}

_EN = {
    "first.subject": "Invoice does not print",
    "first.body": "Hello,\n\nInvoice 4711 does not print: the printer blinks, nothing comes out.\n\nThanks,\nAna",
    "reply.answer.title": "Answer the customer",
    "reply.answer.body": "Good morning, Ana!\n\nPlease restart the print service. Did that help?\n\n{name}",
    "reply.resolve.title": "Answer and resolve (#resolved)",
    "reply.resolve.body": "Great! If it happens again, just answer this mail.\n\n{name}\n\n#resolved",
    "reply.note.title": "Internal note (#note), hidden from the customer",
    "reply.note.body": "#note\n\nIt is the printer on the second floor again.",
    "reply.thanks.title": "Answer",
    "reply.thanks.body": "I restarted it and now it prints. Thank you!\n\n{name}",
    "reply.again.title": "Answer that the problem is back",
    "reply.again.body": "It stopped again: the same invoice does not come out.\n\n{name}",
    "banner.title": "mailgate: demo",
    "banner.lead": "A whole helpdesk on this machine. No mail leaves it.",
    "banner.mailboxes": "Everybody's mailbox",
    "banner.portal": "Customers' portal (by the link in each mail)",
    "banner.smtp": "SMTP, mail from customers",
    "banner.submission": "Agents hand in mail, with a password",
    "banner.lmtp": "LMTP",
    "banner.ops": "Health and metrics",
    "banner.folder": "Configuration and data",
    "banner.commands": "In another terminal",
    "banner.stop": "Ctrl-C ends it.",
    "banner.login": "{addresses} (password {password})",
    "in": "in",
    "out": "out",
    "ticket": "ticket",
    "line.opened": '{author}: "{subject}" opened {key}',
    "line.commented": "{author} commented on {key}",
    "line.command": "{author} sent a command to {key}",
    "line.duplicate": "{author}: the same mail again, nothing to do",
    "line.automatic": "{author}: automatic mail, gets no answer",
    "line.dsn": "{author}: delivery report",
    "line.rejected": "{author}: rejected ({detail})",
    "line.held": "{author}: held for a person to look at ({detail})",
    "line.status": "{key}: {old} → {new}",
    "line.assigned": "{key} now belongs to {agent}",
    "line.noted": "{author} left an internal note on {key}",
    "line.accepted": "{notice} to {to}",
    "line.failed": "{notice} to {to} was refused: {answer}",
    "notice.N1": "acknowledgement",
    "notice.N5": "answer",
    "notice.N6": "change of status",
    "notice.N11": "ticket reopened",
    "notice.N19": "notice to the agent",
    "notice.CONFIRM": "request to confirm",
    "notice.COMMAND_ERROR": "command not understood",
    "next": "Next",
    "step.write": "Ana writes to support. Paste this line into another terminal:",
    "step.answer": "{key} is open. Ana has the acknowledgement: {ack}\nBruno answers, from his mail client:",
    "step.reply": "Ana has got support's answer: {link}\nAna replies:",
    "step.resolve": "Bruno has got the comment: {link}\nBruno answers and resolves, with #resolved on the last line:",
    "step.reopen": "{key} is resolved: {link}\nBut the problem is back, and Ana replies:",
    "step.done": "{key} is reopened, the story is complete. The link in this mail opens the portal: {link}\n"
    "Why each mail went where it went: {program} explain {key} --config {folder}\n"
    "Then: edit {folder}/mailgate.yaml, write to {support} yourself, or read docs/flow.md.",
    "swaks": "or with swaks",
    "bye": "Goodbye. Everything is in {folder}; `{program} demo` goes on from here, `--fresh` starts over.",
    "web.title": "Mailboxes",
    "web.lead": "What the demo's relay has got. The page refreshes by itself.",
    "web.empty": "Nothing yet.",
    "web.customer": "customer",
    "web.agent": "agent",
    "web.start": "First mail: Ana writes to support",
    "web.start.lead": "Paste one of these lines into a terminal.",
    "web.back": "All mailboxes",
    "web.from": "From",
    "web.to": "To",
    "web.date": "Date",
    "web.reply_to": "Answers to",
    "web.view.html": "HTML",
    "web.view.text": "Text",
    "web.view.source": "Source",
    "web.files": "Attachments",
    "web.reply": "Answer as {name}",
    "web.reply.lead": "One click selects the whole line; paste it into a terminal. Change the text as you like.",
    "web.gone": "There is no such letter.",
    "web.signed": "signed: {domain}",
    "web.auto": "automatic",
}

TEXTS: Mapping[str, Mapping[str, str]] = {"pt-BR": _PT, "en": _EN}


@dataclass(frozen=True, slots=True)
class Words:
    """Texts in one language: `words("line.status", key="SUP-1", ...)`."""

    language: str

    def __call__(self, key: str, /, **values: object) -> str:
        return TEXTS[self.language][key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in TEXTS[self.language]


def words_for(environ: Mapping[str, str]) -> Words:
    """The language of the person's environment: English where it says so, Portuguese otherwise."""
    said = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return Words("en" if said.lower().startswith("en") else "pt-BR")
