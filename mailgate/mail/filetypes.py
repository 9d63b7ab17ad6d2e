"""What a file is: by its first bytes, beside what its name and the mail declare. A small table of our own. Pure.

The bytes are only compared, never decoded or unpacked (threats R7). The groups are the words an admin writes in a
policy: a video renamed to `.txt` is still one, and so is a file that merely calls itself one.
"""

from __future__ import annotations

import re

from mailgate.mail.phrases import words

LOOKS_AT = 4096

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"#!", "text/x-script"),
)
#: ISO base media files (ISO/IEC 14496-12): the brand after `ftyp`.
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"qt", "video/quicktime"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heic"),
    (b"avif", "image/avif"),
    (b"M4A", "audio/mp4"),
    (b"3g", "video/3gpp"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----|-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----"
)
_PKCS12 = re.compile(rb"0(?:\x80|\x82..|\x83...)\x02\x01\x030", re.DOTALL)
_X509 = re.compile(rb"0\x82..0\x82..\xa0\x03\x02\x01\x02", re.DOTALL)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,200}(?:<\?xml[^>]{0,200}>\s{0,200})?(?:<!--.{0,500}?-->\s{0,200})?"
                     rb"<(!doctype html|html|head|body|script|svg|!doctype svg)\b", re.S | re.I)  # fmt: skip
#: An office file is a zip whose first names say so.
_OFFICE: tuple[tuple[bytes, str], ...] = (
    (b"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "application/vnd.oasis.opendocument.spreadsheet"),
    (b"application/vnd.oasis.opendocument.presentation", "application/vnd.oasis.opendocument.presentation"),
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)

#: group → endings of names (without the dot). What a type says is in `_TYPES`.
GROUPS: dict[str, frozenset[str]] = {
    "videos": words("mp4 m4v mov avi mkv webm wmv asf flv mpg mpeg 3gp 3g2 ts vob ogv"),
    "audio": words("mp3 wav ogg oga opus m4a aac flac wma amr"),
    "images": words("png jpg jpeg jfif gif webp bmp tif tiff heic heif avif ico psd svg"),
    "documents": words("pdf doc docx dot dotx xls xlsx xlsb csv ppt pptx pps ppsx odt ods odp rtf txt"),
    "macros": words("docm dotm xlsm xltm xlam pptm potm ppsm ppam"),
    "archives": words("zip rar 7z gz tgz bz2 xz zst tar cab iso img arj lzh ace"),
    "programs": words(
        """
        exe com scr pif bat cmd msi msp msix appx dll cpl sys ocx vbs vbe js jse mjs wsf wsh ps1 psm1 hta lnk url reg
        jar class apk ipa dmg pkg deb rpm sh run bin elf chm inf gadget scf sct msc application appref-ms
        """
    ),
    "certificates": words("pfx p12 cer crt der pem key p7b p7c jks keystore spc pvk"),
    "pages": words("html htm xhtml mht mhtml svg xml shtml"),
}
_TYPES: dict[str, frozenset[str]] = {
    "documents": words("application/pdf application/rtf application/msword application/vnd.ms-excel"),
    "archives": words(
        """
        application/zip application/x-zip-compressed application/vnd.rar application/x-rar-compressed application/gzip
        application/x-7z-compressed application/x-bzip2 application/x-xz application/zstd
        application/vnd.ms-cab-compressed application/x-tar
        """
    ),
    "programs": words(
        """
        application/vnd.microsoft.portable-executable application/x-msdownload application/x-elf text/x-script
        application/x-mach-binary application/java-vm application/java-archive application/x-ms-shortcut
        application/x-dosexec application/x-msdos-program application/x-ms-installer
        """
    ),
    "certificates": words(
        """
        application/x-pkcs12 application/pkcs12 application/x-x509-ca-cert application/pkix-cert application/x-pem-file
        application/x-x509-user-cert application/x-pkcs7-certificates
        """
    ),
    "pages": words("text/html application/xhtml+xml image/svg+xml"),
}


def found_type(data: bytes) -> str:
    """The media type that the first bytes show; "" when they are in no table. Looks at `LOOKS_AT` bytes."""
    head = data[:LOOKS_AT]
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return next((kind for start, kind in _BRANDS if brand.startswith(start)), "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and len(head) > 26:
        return "image/bmp"
    for start, kind in _STARTS:
        if head.startswith(start):
            return _in_zip(head) if kind == "application/zip" else kind
    if _PKCS12.match(head):
        return "application/x-pkcs12"
    if _X509.match(head):
        return "application/pkix-cert"
    markup = _MARKUP.match(head)
    if markup is not None:
        return "image/svg+xml" if b"svg" in markup[1].lower() else "text/html"
    return "application/x-pem-file" if _PEM.search(head) else ""


def _in_zip(head: bytes) -> str:
    """A zip, or the office file that it is: judged by the names of the first members only."""
    names = b"\n".join(head.split(b"PK\x03\x04")[1:])
    if b"[Content_Types].xml" in names or b"mimetypeapplication/vnd.oasis" in names or b"META-INF/" in names:
        return next((kind for mark, kind in _OFFICE if mark in names), "application/zip")
    return "application/zip"


def ending(name: str) -> str:
    """The ending of a file name, lower case, without the dot and what people or robots put after it; "" for none."""
    name = name.rstrip(" .\u200b\ufeff").lower()
    stem, dot, last = name.rpartition(".")
    return last if dot and stem and len(last) <= 12 else ""


def groups_of(name: str, declared: str, found: str) -> frozenset[str]:
    """Every group that the name, the declared type or the bytes speak for."""
    last = ending(name)
    groups = {group for group, endings in GROUPS.items() if last in endings}
    for kind in (declared, found):
        groups |= {group for group, kinds in _TYPES.items() if kind in kinds}
        major = kind.partition("/")[0]
        groups |= {"video": {"videos"}, "audio": {"audio"}, "image": {"images"}}.get(major, set())
        if kind.startswith(("application/vnd.openxmlformats", "application/vnd.oasis.opendocument")):
            groups.add("documents")
        if "macroenabled" in kind.lower():
            groups.add("macros")
    if found == "application/pkix-cert" and last in ("p7s", "p7m"):
        groups.discard("certificates")  # the signature of a signed mail is no certificate file
    return frozenset(groups)
