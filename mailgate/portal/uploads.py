"""Files that a form brings: read into values, looked at under the company's policy, kept as blobs.

The same for an answer and for a new ticket. A name is only ever shown, a type is what the first bytes say; what policy
does not take is still with its owner, who is told at once. Without scripts a browser forgets the files of a form that
is shown again, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import FormData, UploadFile

from mailgate.companyfiles import AttachmentPolicy
from mailgate.decide.decision import RefusedFile
from mailgate.decide.files import facts_of, refused_files
from mailgate.flows.site import Site
from mailgate.i18n import Translator
from mailgate.mail import attachments
from mailgate.mail.filetypes import GROUPS
from mailgate.mail.message import Attachment

#: The name of the input, or of several of them.
FIELD = "files"
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What a form says of files before they are chosen.

    most_bytes: of all together. up_to: of one, 0 for no bound of its own. kinds: those that have to come in a .zip, as
    people say them, "" for none; endings: the same as `.mp4 .avi`.
    """

    most_bytes: int
    up_to: int = 0
    kinds: str = ""
    endings: str = ""


def told(policy: AttachmentPolicy, translator: Translator, body_bytes: int) -> Told:
    """What the policy comes to, in the reader's words. A little is left for the rest of the form."""
    most = max(1, (body_bytes // _MB - 1)) * _MB
    kinds = policy.must_be_zipped
    named = [kind if kind.startswith(".") else translator.t(f"page.kind.{kind}") for kind in kinds]
    endings = {one for kind in kinds for one in ({kind[1:]} if kind.startswith(".") else GROUPS.get(kind, frozenset()))}
    up_to = policy.up_to if policy.up_to < most else 0
    return Told(most, up_to, ", ".join(named), " ".join(f".{one}" for one in sorted(endings)))


def chosen(form: FormData) -> list[UploadFile]:
    """The files that were chosen; an input left empty brings one without a name."""
    return [one for one in form.getlist(FIELD) if isinstance(one, UploadFile) and one.filename]


def read(uploads: Sequence[UploadFile]) -> list[Attachment]:
    """The uploaded files with their content."""
    return [_read(one, number) for number, one in enumerate(uploads, 1)]


def _read(upload: UploadFile, number: int) -> Attachment:
    declared = (upload.content_type or "").partition(";")[0].strip().lower()
    name = attachments.safe_name(upload.filename or "")
    return attachments.of_bytes(upload.file.read(), declared, name, number, False, None)


def refused(policy: AttachmentPolicy, found: Sequence[Attachment]) -> RefusedFile | None:
    """The first file that the policy does not take."""
    return next(iter(refused_files(policy, facts_of(found))), None)


def keep(site: Site, found: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """The files as stored blobs; what is never named by a row is swept."""
    for one in found:
        site.blobs.put(one.content, one.sha256)
    return tuple(replace(one, content=b"") for one in found)
