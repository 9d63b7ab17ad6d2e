"""What mails wrap in formats of their own: opened where it can be, named where it cannot, bounded always."""

from __future__ import annotations

import io
import random
import time
import zipfile

import pytest

from mailgate.mail import binhex, sealed, tnef, ziplist
from mailgate.mail.filetypes import found_type, groups_of
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Mark, ParsedMessage
from mailgate.mail.parse import read_mail
from tests.unit.mail import wrapped

INNER = (
    b"Content-Type: text/plain; charset=utf-8\r\nFrom: ceo@corp.test\r\nSubject: outro\r\n\r\n"
    b"O contrato est\xc3\xa1 assinado.\r\n"
)


def read(raw: bytes) -> ParsedMessage:
    return read_mail(raw, MailLimits()).message


# --- winmail.dat ---


def test_winmail_shows_its_files_and_not_itself() -> None:
    data = wrapped.winmail(
        wrapped.wrapped_file("RELATO~1.PDF", b"%PDF-1.4 x", "Relatório de março.pdf"),
        wrapped.wrapped_file("../../x.txt", b"texto"),
    )
    message = read(wrapped.mail('application/ms-tnef; name="winmail.dat"', data, text="Segue."))
    assert message.text == "Segue."
    assert [(a.filename, a.content_type, a.size) for a in message.attachments] == [
        ("Relatório de março.pdf", "application/pdf", 10),
        ("x.txt", "application/octet-stream", 5),
    ]


def test_a_mail_that_is_only_a_winmail_shows_its_text() -> None:
    props = wrapped.properties(
        wrapped.unicode_property(0x1000, "Olá,\r\nsegue a nota."),
        wrapped.binary_property(0x1013, "<p>Olá,<br>segue a <b>nota</b>.".encode("cp1252")),
    )
    message = read(wrapped.mail("application/ms-tnef", wrapped.winmail(wrapped.attribute(0x00069003, props))))
    assert message.text == "Olá,\nsegue a nota."
    assert message.html is not None
    assert "<b>nota</b>" in message.html
    assert message.attachments == ()


def test_rich_text_alone_stays_a_file_that_opens() -> None:
    rtf = rb"{\rtf1 Bom dia}"
    packed = len(rtf).to_bytes(4, "little") * 2 + b"MELA" + b"\0" * 4 + rtf
    props = wrapped.properties(wrapped.binary_property(0x1009, packed))
    message = read(wrapped.mail("application/ms-tnef", wrapped.winmail(wrapped.attribute(0x00069003, props))))
    assert [(a.filename, a.content) for a in message.attachments] == [("message.rtf", rtf)]


def test_compressed_rich_text_of_the_specification() -> None:
    # MS-OXRTFCP §4.1: the example "hello world"
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af862696420776f726c642105 8000".replace(" ", "")
    )
    assert tnef.unpacked_rtf(packed).startswith(b"{\\rtf1\\ansi\\ansicpg125")


@pytest.mark.parametrize("name", ["winmail.dat"])
def test_what_only_calls_itself_winmail_stays_a_file(name: str) -> None:
    message = read(wrapped.mail(f'application/ms-tnef; name="{name}"', b"\x89PNG\r\n\x1a\n...."))
    assert [(a.filename, a.content_type) for a in message.attachments] == [(name, "image/png")]


# --- S/MIME and PGP ---


@pytest.mark.parametrize("wrap", [wrapped.signed, wrapped.signed_streaming])
def test_opaque_signed_mail_is_readable_and_its_inner_header_counts_for_nothing(wrap: object) -> None:
    assert callable(wrap)
    message = read(wrapped.mail('application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"', wrap(INNER)))
    assert message.text == "O contrato está assinado."
    assert message.subject == "Nota"
    assert message.author is not None
    assert message.author.address == "ana@cliente.test"
    assert [a.filename for a in message.attachments] == ["smime.p7m"]
    assert message.marks == (Mark("signed", "S/MIME"),)


def test_encrypted_mail_is_said_to_be_encrypted() -> None:
    message = read(wrapped.mail('application/pkcs7-mime; name="smime.p7m"', wrapped.enveloped()))
    assert message.text == ""
    assert message.marks == (Mark("encrypted", "S/MIME"),)
    pgp = (
        b'From: a@b.test\r\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=x\r\n\r\n'
        b"--x\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--x\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n--x--\r\n"
    )
    assert read(pgp).marks == (Mark("encrypted", "PGP"),)
    inline = b"From: a@b.test\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n-----END PGP MESSAGE-----\r\n"
    assert read(inline).marks == (Mark("encrypted", "PGP"),)


def test_signed_in_signed_in_signed_ends() -> None:
    data = INNER
    for _ in range(30):
        data = b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: binary\r\n\r\n" + (
            wrapped.signed(data)
        )
    message = read(b"From: a@b.test\r\n" + data)
    assert 1 <= len(message.attachments) <= 5


# --- invitations ---


def test_an_invitation_says_what_it_is_about() -> None:
    ics = (
        "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nBEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        "SUMMARY;LANGUAGE=pt-BR:Reunião de fecha\r\n mento\\, março\\n<b>x</b>\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message = read(wrapped.mail("text/calendar; charset=utf-8", ics.encode(), text="Segue o convite."))
    assert message.marks == (Mark("invitation_cancelled", "Reunião de fechamento, março <b>x</b>"),)
    assert [(a.filename, a.content_type) for a in message.attachments] == [("cancelled.ics", "text/calendar")]


# --- types, zips, BinHex ---


@pytest.mark.parametrize(
    ("data", "name", "kind", "group"),
    [
        (b"\0\0\0\x18ftypmp42", "video.dat", "video/mp4", "videos"),
        (b"\0\0\0\x14ftypqt  ", "x", "video/quicktime", "videos"),
        (b"RIFF\0\0\0\0AVI LIST", "foto.jpg", "video/x-msvideo", "videos"),
        (b"\x1a\x45\xdf\xa3\x01\0webm", "x", "video/webm", "videos"),
        (b"MZ\x90\0", "fatura.pdf", "application/vnd.microsoft.portable-executable", "programs"),
        (b"0\x82\x09\xb4\x02\x01\x030\x82", "cert.bin", "application/x-pkcs12", "certificates"),
        (b"0\x82\x04\x000\x82\x03\x00\xa0\x03\x02\x01\x02", "x.txt", "application/pkix-cert", "certificates"),
        (b"Bag Attributes\n-----BEGIN PRIVATE KEY-----\n", "x.txt", "application/x-pem-file", "certificates"),
        (b"texto", "certificado.PFX ", "", "certificates"),
        (b"texto", "video.mp4.", "", "videos"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "plan.xls", "application/x-ole-storage", "documents"),
        (b"\n<!DOCTYPE html><html>", "x.txt", "text/html", "pages"),
        (b'<?xml version="1.0"?><svg onload=x>', "a.png", "image/svg+xml", "images"),
    ],
)
def test_types_by_their_first_bytes(data: bytes, name: str, kind: str, group: str) -> None:
    assert found_type(data) == kind
    assert group in groups_of(name, "application/octet-stream", kind)


def test_a_signature_is_no_certificate_file() -> None:
    assert "certificates" not in groups_of("smime.p7s", "application/pkcs7-signature", "")


def archive(*names: str, size: int = 10) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, b"0" * size)
    return buffer.getvalue()


def test_a_zip_is_listed_and_never_unpacked() -> None:
    bomb = archive("pasta/vídeo.mp4", "nota.pdf", size=5_000_000)
    begun = time.perf_counter()
    message = read(wrapped.mail('application/zip; name="v.zip"', bomb))
    assert message.attachments[0].contents == ("pasta/vídeo.mp4", "nota.pdf")
    assert time.perf_counter() - begun < 1
    assert ziplist.names(b"junk in front of it" + archive("a.txt")) == ("a.txt",)
    assert len(ziplist.names(archive(*(f"{k}.txt" for k in range(500))))) == ziplist.MOST_NAMES
    assert ziplist.names(archive("../../\u202egpj.exe", "a\nb.txt")) == ("../../gpj.exe", "a b.txt")


def test_an_office_file_is_no_archive() -> None:
    docx = archive("[Content_Types].xml", "word/document.xml")
    assert found_type(docx).endswith("wordprocessingml.document")
    assert groups_of("x", "", found_type(docx)) == {"documents"}


def test_binhex_in_a_text_is_a_file() -> None:
    text = (
        "Segue.\n(This file must be converted with BinHex 4.0)\n\n"
        + _binhex("nota.txt", b"aaaaaaaa fim")
        + "\nAté logo"
    )
    left, found = binhex.files(text, 1000)
    assert found == [("nota.txt", b"aaaaaaaa fim")]
    assert left == "Segue.\n\nAté logo"
    message = read(b"From: a@b.test\r\n\r\n" + text.replace("é", "e").encode())
    assert [a.filename for a in message.attachments] == ["nota.txt"]


def _binhex(name: str, data: bytes) -> str:
    letters = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    body = data.replace(b"aaaaaaaa", b"a\x90\x08")
    packed = bytes([len(name)]) + name.encode() + b"\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + b"\0" * 4
    packed += b"\0\0" + body + b"\0\0"
    packed += b"\0" * (-len(packed) % 3)
    bits = "".join(f"{byte:08b}" for byte in packed)
    coded = "".join(letters[int(bits[k : k + 6], 2)] for k in range(0, len(bits), 6))
    return ":" + "\n".join(coded[k : k + 64] for k in range(0, len(coded), 64)) + ":"


# --- hostile ---


def test_no_mutation_breaks_a_reader() -> None:
    seeds = [
        wrapped.winmail(
            wrapped.wrapped_file("a.txt", b"x" * 50, "b.txt"),
            wrapped.attribute(0x00069003, wrapped.properties(wrapped.unicode_property(0x1000, "x"))),
        ),
        wrapped.signed(INNER),
        wrapped.signed_streaming(INNER),
        archive("a.txt", "b.txt"),
        _binhex("a.txt", b"x").encode(),
    ]
    draw = random.Random(3)
    for _ in range(4000):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 0x80, 0xFF, draw.randrange(256)))
        damaged = bytes(data[: draw.randint(0, len(data))]) if draw.random() < 0.3 else bytes(data)
        tnef.read(damaged, 100)
        sealed.signed_content(damaged)
        ziplist.names(damaged)
        found_type(damaged)
        binhex.files("(This file must be converted with BinHex 4.0)\n:" + damaged.decode("latin-1"), 1000)


@pytest.mark.parametrize(
    "data",
    [
        b"\x78\x9f\x3e\x22\0\0" + wrapped.attribute(0x00069002, b"", 2) * 200_000,
        wrapped.winmail(
            wrapped.attribute(0x00069003, b"\xff\xff\xff\xff" + b"\x03\x10\x00\x10\xff\xff\xff\xff" * 9999)
        ),
        wrapped.winmail(
            wrapped.attribute(0x00069003, b"\xff\xff\xff\xff" + b"\x1f\x00\x00\x10\xff\xff\xff\xff" * 9999)
        ),
        b"\x30\x80" * 1_000_000,
        wrapped.signed_streaming(b"x" * 500_000, 1),
    ],
)
def test_hostile_sizes_take_no_time(data: bytes) -> None:
    begun = time.process_time()  # what else the machine does is not counted
    tnef.read(data, 100)
    sealed.signed_content(data)
    assert time.process_time() - begun < 2
