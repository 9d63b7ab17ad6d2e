"""The reasons of a record in the reader's language. They are stored as the sentences that `decide` and `plan` wrote.

A sentence that is not known here (an older record, a rule's own words, a verdict of SPF or DKIM) is shown as it stands.
"""

from __future__ import annotations

import re

from mailgate.i18n import Translator

_SENTENCES = {
    "nothing": r"nothing in the mail names a ticket",
    "may_not": r"the author may not comment on what it names",
    "stronger": r"(?:the reply address|our Message-ID|an earlier Message-ID of the conversation) is stronger evidence",
    "names_reopened": r".+ names (?P<key>\S+); the author (?P<why>.+); it is closed; "
    r"closed (?P<days>\d+) days ago, so it is opened again",
    "names_thanked": r".+ names (?P<key>\S+); the author (?P<why>.+); it is closed, and a thank-you opens nothing",
    "names_closed": r".+ names (?P<key>\S+); the author (?P<why>.+); it is closed",
    "names": r".+ names (?P<key>\S+); the author (?P<why>.+)",
    "author": r"the author (?P<why>.+)",
    "holds": r"holds a reply identity of the ticket",
    "requester_unverified": r"is the requester, unverified",
    "requester": r"is the requester",
    "participant_unverified": r"is a participant, unverified",
    "participant": r"is a participant",
    "nobody_proven": r"is not proven(?: to be anyone on the ticket)?",
    "was_in_cc": r"was in To or Cc of a verified mail on the ticket",
    "sees_organisation": r"may see the tickets of the organisation",
    "sees_network": r"may see the tickets of the network",
    "sees_branch": r"may see the tickets of the branch",
    "sees_not_answers": r"may see the ticket, not answer in it",
    "only_follows": r"only follows the ticket",
    "rating_came": r"a rating came",
    "still_missing": r"some of what was asked for is still missing",
    "bell_off": r"the bell of this ticket is off",
    "may_not_open": r"the contact may not open tickets",
    "stranger": r"is neither requester nor participant of the ticket",
    "agent_unproven": r"is an agent, unproven",
    "agent": r"is an agent",
    "agents_address": r"is not an agent, and the reply address was made for one",
    "signed_in": r"signed in",
    "typed": r"anybody may have typed the address",
    "submission": r"signed in on the submission port",
    "made_for": r"the reply address was made for this person",
    "confirmed": r"confirmed by the link that was sent to the stored address",
    "many_from": r"From is not one field with one address",
    "own_address": r"From is one of our own addresses",
    "no_from": r"there is no From address, so nobody to answer",
    "unknown": r"the sender is not a known contact",
    "same": r"the same mail came before",
    "automatic": r"automatic mail: (?P<what>.+)",
    "over": r"over a limit: (?P<what>.+)",
    "more_mails": r"more than (?P<count>\d+) mails of this sender within (?P<minutes>\d+) minutes",
    "more_comments": r"more than (?P<count>\d+) comments on this ticket within (?P<minutes>\d+) minutes",
    "more_tickets": r"more than (?P<count>\d+) new tickets of this sender within (?P<minutes>\d+) minutes",
    "repeats": r"the same words were acknowledged (?P<count>\d+) times within (?P<minutes>\d+) minutes",
    "repeats_on": r"the same words were said on this ticket (?P<count>\d+) times within (?P<minutes>\d+) minutes",
    "gathered": r"gathered: more than (?P<count>\d+) notices of this ticket .+ within (?P<minutes>\d+) minutes",
    "more_acks": r"(?:digest: )?more than (?P<count>\d+) acknowledgements .+ within (?P<minutes>\d+) minutes",
    "kept_unproven": r"kept as a note: the agent is not proven",
    "kept_way": r"kept as a note: it did not come to the agent's reply address",
    "dsn_none": r"a delivery report about none of our mails",
    "dsn": r"a delivery report about (?P<key>\S+)",
    "rests": r"the address gets no notices until (?P<until>\S+): (?P<what>.+)",
    "not_sent": r"an answer was not sent",
    "ack": r"acknowledgement",
    "new_ticket": r"a new ticket",
    "opened_for": r"an agent opened a ticket for this person",
    "customer_wrote": r"the customer wrote",
    "answer": r"answer",
    "another": r"another customer's comment",
    "reopened": r"reopened by the customer's answer",
    "sender_unverified": r"the sender is not verified",
    "comment_unverified": r"the comment is not verified",
    "status_changed": r"the status changed",
    "workflow_asks": r"the workflow asks for it",
    "customer_closed": r"the customer closed it",
    "agent_waits": r"the agent's text waits for his word",
    "bad_command": r"a command could not be done",
    "done_command": r"his commands were done",
    "files": r"files of the mail were not taken",
    "refused_command": r"a command that cannot be done \((?:[a-z_]+:)?(?P<what>.*)\): nothing was sent",
    "new_hands": r"the ticket is this agent's now",
    "new_department": r"the ticket came to this department",
    "participant_new": r"a new participant",
    "their_ticket": r"the ticket is this person's now",
    "meanwhile": r"the ticket changed since the notice that is answered",
    "came_back": r"a mail of ours came back",
    "not_accepted": r"the mail is not accepted",
    "by_rule": r"a rule asks for it",
    "rule_answers": r"a rule answers",
    "rule_hands_on": r"a rule hands it on",
    "participant_added": r"a new participant",
    "new_requester": r"the ticket is this person's now",
    "timer_due": r"the timer .+ is due",
    "due_soon": r"(?P<key>\S+) is due soon",
    "overdue": r"(?P<key>\S+) is overdue",
    "near_due": r"close to its due time",
    "past_due": r"past its due time",
    "chosen": r"chosen on the .+",
    "reply_to": r"taken from Reply-To by the rule (?P<name>.+); (?P<address>\S+) wrote",
    "proven_dkim": r"proven: DKIM signature of (?P<domain>\S+) \(selector (?P<selector>.+)\)",
    "proven_spf": r"proven: SPF of (?P<domain>\S+)",
    "not_proven": r"not proven for (?P<domain>\S+): (?P<parts>.+)",
    "spf_not_checked": r"SPF not checked",
    "no_signature": r"no DKIM signature",
    "switched_off": r"(?:the sender )?is a contact who was switched off",
    "own_mail": r"our own mail came back|one of our own mails came back as a sender",
    "still_holds": r"the answer still holds (?P<part>.+)",
    "holds_marker": r"the marker line of our notice",
    "holds_address": r"a reply address of ours",
    "holds_link": r"an access link",
    "holds_quotation": r"nothing but a quotation",
    "holds_line": r"a line of the notice that was answered",
    "costly_time": r"TooCostly: it used up its processor time",
    "costly_memory": r"TooCostly: it used up its memory",
    "process_slow": r"WorkerKilled: the process that worked on it took too long",
    "process_died": r"WorkerKilled: the process that worked on it died",
    "survey_over": r"the time of the survey is over",
    "rating_fixed": r"the rating can no longer be changed",
    "too_old": r"the mail is older than ack_within",
}
_KNOWN = tuple((key, re.compile(pattern)) for key, pattern in _SENTENCES.items())


def reason(speaker: Translator, sentence: str) -> str:
    """A stored reason as the reader says it."""
    for key, pattern in _KNOWN:
        match = pattern.fullmatch(sentence)
        if match is not None:
            said = match.groupdict()
            if "parts" in said:
                said["parts"] = "; ".join(reason(speaker, part) for part in said["parts"].split("; "))
            if "part" in said:
                said["part"] = reason(speaker, said["part"])
            if "why" in said:
                said["why"] = reason(speaker, said["why"])
            return speaker.t(f"command.explain.why.{key}", **said)
    return sentence
