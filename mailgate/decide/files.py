"""Which files of a mail become attachments under the company's policy. Pure.

A file that is not taken stops nothing: the ticket is opened, the file stays in the raw mail, and people are told. Types
count by the first bytes as well as by name, so that a renamed video is still one; of a .zip the listed names count.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailgate.companyfiles import AttachmentPolicy
from mailgate.decide.decision import Action, OpenTicket, RefusedFile, RefuseFiles, SetField
from mailgate.decide.facts import Facts, FileFacts, MailFacts
from mailgate.decide.ruling import Book
from mailgate.mail.filetypes import ending, groups_of
from mailgate.mail.message import Attachment

_MOST_NAMED = 20
#: A picture in the text that is smaller is taken for a signature's.
PICTURE_BYTES = 8 * 1024


def refusal(facts: Facts, book: Book, topic: str, actions: Iterable[Action]) -> tuple[RefuseFiles, ...]:
    """The files of a mail that are not taken, as no or one action. topic: of the ticket before `actions`."""
    if facts.mail is None or not facts.mail.files:
        return ()
    for action in actions:
        if isinstance(action, OpenTicket):
            topic = action.topic
        elif isinstance(action, SetField) and action.name == "topic":
            topic = action.values[0]
    refused = refused_files(book.topics.policy(topic), facts.mail.files)
    return (RefuseFiles(refused),) if refused else ()


def brings(mail: MailFacts) -> bool:
    """Whether a file came along, other than the small pictures of a signature."""
    return any(not one.inline or one.size >= PICTURE_BYTES for one in mail.files)


def facts_of(files: Iterable[Attachment]) -> tuple[FileFacts, ...]:
    """Files as policy looks at them."""
    return tuple(FileFacts(f.filename, f.declared_type, f.found_type, f.size, f.contents, f.inline) for f in files)


def refused_files(policy: AttachmentPolicy, files: Iterable[FileFacts]) -> tuple[RefusedFile, ...]:
    """Those that the policy does not take, each with the reason that weighs most."""
    found = ((number, file, reason(policy, file)) for number, file in enumerate(files))
    return tuple(RefusedFile(number, file.name, why) for number, file, why in found if why)


def reason(policy: AttachmentPolicy, file: FileFacts) -> str:
    """denied | size | zip, or "" when the file is taken."""
    kinds = _kinds(file.name, file.declared, file.found)
    inside = set().union(*(_kinds(name, "", "") for name in file.contents)) if policy.denied else set()
    if not (kinds | inside).isdisjoint(policy.denied):
        return "denied"
    if file.size > policy.up_to:
        return "size"
    is_zip = ending(file.name) == "zip" or file.found == "application/zip"
    return "" if is_zip or kinds.isdisjoint(policy.must_be_zipped) else "zip"


def _kinds(name: str, declared: str, found: str) -> set[str]:
    """The groups and the ending under which a policy may name a file."""
    return {*groups_of(name, declared, found), f".{ending(name)}"}
