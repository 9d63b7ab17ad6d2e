"""Attacks on the tree of parts: depth, number, boundaries, wrappers in wrappers. RFC 2046 §5.1."""

from __future__ import annotations

from tests.hostile.mails import MARK, attack, field, file_of, head, joined, multi, part, plain, text_part


def _nested(who: str, depth: int, kind: str = "mixed", close: bool = True) -> bytes:
    opening = b"".join(
        b"--%d\r\nContent-Type: multipart/%s; boundary=%d\r\n\r\n" % (n, kind.encode(), n + 1) for n in range(depth)
    )
    closing = b"".join(b"--%d--\r\n" % n for n in range(depth, -1, -1)) if close else b""
    extra = field("Content-Type", f"multipart/{kind}; boundary=0")
    return head(who, extra=extra) + b"\r\n" + opening + b"--%d\r\n\r\n" % depth + MARK.encode() + b"\r\n" + closing


def _rfc822(who: str, depth: int) -> bytes:
    inner = b"Content-Type: message/rfc822\r\n\r\n" * depth
    return head(who, extra=field("Content-Type", "message/rfc822")) + b"\r\n" + inner + plain(who)


def _rfc822_mixed(who: str, depth: int) -> bytes:
    pieces = [
        b"From: agente@example.test\r\nContent-Type: multipart/mixed; boundary=r%d\r\n\r\n"
        b"--r%d\r\nContent-Type: message/rfc822\r\n\r\n" % (n, n)
        for n in range(depth)
    ]
    return head(who, extra=field("Content-Type", "message/rfc822")) + b"\r\n" + b"".join(pieces) + plain(who)


def _parts(who: str, count: int, one: bytes, kind: str = "mixed") -> bytes:
    extra = field("Content-Type", f"multipart/{kind}; boundary=b")
    return head(who, extra=extra) + b"\r\n" + (b"--b\r\n" + one) * count + b"--b--\r\n"


for depth in (19, 20, 21, 100, 3000, 20000):
    attack(f"nested-{depth}", lambda d=depth: _nested(f"nested-{d}", d))  # type: ignore[misc]
for kind in ("alternative", "related", "signed", "report", "digest", "x-unknown"):
    attack(f"nested-{kind}", lambda k=kind: _nested(f"nested-{k}", 1000, k))  # type: ignore[misc]
attack("nested-open", lambda: _nested("nested-open", 5000, close=False))
attack("nested-rfc822", lambda: _rfc822("nested-rfc822", 5000))
attack("nested-rfc822-mixed", lambda: _rfc822_mixed("nested-rfc822-mixed", 2000))
attack("nested-digest-rfc822", lambda: _parts("nested-digest-rfc822", 5000, b"\r\n" + plain("d") + b"\r\n", "digest"))
attack("parts-100k", lambda: _parts("parts-100k", 100_000, b"\r\n\r\n"))
attack("parts-100k-typed", lambda: _parts("parts-100k-typed", 100_000, b"Content-Type: text/html\r\n\r\nx\r\n"))
attack("parts-500", lambda: multi("parts-500", [text_part()] * 500))
attack("parts-501-html", lambda: multi("parts-501-html", [part("text/html", b"<p>x" * 200)] * 501))
attack("parts-alternative", lambda: multi("parts-alternative", [text_part(f"{n}") for n in range(499)], "alternative"))
attack(
    "parts-alternative-same",
    lambda: multi("parts-alternative-same", [text_part("x" * 5000 + str(n)) for n in range(499)], "alternative"),
)
attack(
    "parts-headers",
    lambda: multi("parts-headers", [field("X-A", "b") * 900 + b"Content-Type: text/plain\r\n\r\nx"] * 490),
)
attack("parts-files", lambda: multi("parts-files", [file_of(b"x", "application/pdf", f"{n}.pdf") for n in range(499)]))
attack(
    "parts-same-name", lambda: multi("parts-same-name", [file_of(b"%d" % n, "text/csv", "a.csv") for n in range(400)])
)
attack(
    "parts-empty-names", lambda: multi("parts-empty-names", [file_of(b"%d" % n, "text/csv", "") for n in range(400)])
)
attack("boundary-lines-50k", lambda: multi("boundary-lines-50k", [text_part("--b x\r\n--bb\r\n" * 50_000)]))
attack("boundary-glued", lambda: multi("boundary-glued", [text_part("x--b\r\n" * 100_000)]))
attack(
    "boundary-spaces", lambda: multi("boundary-spaces", [text_part("--b" + " " * 60_000 + "x\r\n") for _ in range(40)])
)
attack(
    "boundary-one-letter",
    lambda: (
        head("boundary-one-letter", extra=field("Content-Type", "multipart/mixed; boundary=-"))
        + b"\r\n"
        + b"-" * 60_000
        + b"\r\n"
        + b"---\r\n" * 100_000
    ),
)
attack(
    "boundary-empty",
    lambda: (
        head("boundary-empty", extra=field("Content-Type", 'multipart/mixed; boundary=""'))
        + b"\r\n"
        + b"--\r\n\r\n" * 100_000
    ),
)
attack(
    "boundary-missing",
    lambda: (
        head("boundary-missing", extra=field("Content-Type", "multipart/mixed")) + b"\r\n" + b"--%s\r\nx\r\n" * 50_000
    ),
)
attack(
    "boundary-missing-typed",
    lambda: (
        head("boundary-missing-typed", extra=field("Content-Type", "multipart/mixed"))
        + b"\r\n"
        + b"--q\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 50_000
    ),
)
attack(
    "boundary-wrong",
    lambda: (
        head("boundary-wrong", extra=field("Content-Type", "multipart/mixed; boundary=zz"))
        + b"\r\n"
        + b"".join(b"--q%d\r\ncontent-x:" % n for n in range(50_000))
    ),
)
attack(
    "boundary-wrong-lines",
    lambda: (
        head("boundary-wrong-lines", extra=field("Content-Type", "multipart/mixed; boundary=zz"))
        + b"\r\n"
        + (b"--" + b"q" * 490 + b"\r\n") * 5_000
    ),
)
attack("boundary-long", lambda: multi("boundary-long", [text_part()] * 20, boundary="x" * 5000))
attack(
    "boundary-8bit",
    head("boundary-8bit", extra=b'Content-Type: multipart/mixed; boundary="\xe7\xff"\r\n')
    + b"\r\n--\xe7\xff\r\n\r\n"
    + MARK.encode()
    + b"\r\n--\xe7\xff--\r\n",
)
attack(
    "boundary-nul",
    head("boundary-nul", extra=b'Content-Type: multipart/mixed; boundary="a\0b"\r\n')
    + b"\r\n--a\0b\r\n\r\n"
    + MARK.encode()
    + b"\r\n--a\0b--\r\n",
)
attack(
    "boundary-crlf",
    head("boundary-crlf", extra=b'Content-Type: multipart/mixed; boundary="a\r\n b"\r\n')
    + b"\r\n--a b\r\n\r\n"
    + MARK.encode()
    + b"\r\n--a b--\r\n",
)
attack(
    "boundary-two",
    head("boundary-two", extra=field("Content-Type", "multipart/mixed; boundary=a; boundary=b"))
    + b"\r\n--a\r\n\r\n1\r\n--b\r\n\r\n2\r\n--a--\r\n--b--\r\n",
)


def _prefixes() -> bytes:
    """Each boundary is the beginning of the next one's."""
    deep = b"x"
    for n in range(18, 0, -1):
        deep = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n%s" % (b"a" * n, joined([deep] * 2, "a" * n))
        deep = deep[:20_000]
    return (
        head("boundary-prefixes", extra=field("Content-Type", "multipart/mixed; boundary=z"))
        + b"\r\n"
        + joined([deep], "z")
    )


def _cyclic() -> bytes:
    """Every level names the boundary of the one above."""
    inner = b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 5_000
    return (
        head("boundary-cyclic", extra=field("Content-Type", "multipart/mixed; boundary=b"))
        + b"\r\n"
        + inner
        + b"--b--\r\n"
    )


def _wide_and_deep() -> bytes:
    """Nineteen levels, at each 400 children that are multiparts of their own with the same boundary inside."""
    one = b"Content-Type: multipart/mixed; boundary=c\r\n\r\n" + b"--c\r\n\r\nx\r\n" * 500
    return multi("nested-wide", [one] * 400)


def _far_delimiters() -> bytes:
    """Each of many multiparts looks for a delimiter that is nowhere, up to its end."""
    levels = b"".join(b"--d%d\r\nContent-Type: multipart/mixed; boundary=d%d\r\n\r\n" % (n, n + 1) for n in range(19))
    filler = b"--d x\r\n" * 300_000
    return head("boundary-far", extra=field("Content-Type", "multipart/mixed; boundary=d0")) + b"\r\n" + levels + filler


attack("boundary-prefixes", _prefixes)
attack("boundary-cyclic", _cyclic)
attack("boundary-far", _far_delimiters)
attack("nested-wide", _wide_and_deep)
attack(
    "related-cycle",
    lambda: multi(
        "related-cycle",
        [
            part("text/html", b'<img src="cid:a@x"><img src="cid:b@x">', field("Content-ID", "<a@x>")),
            part("text/html", b'<img src="cid:a@x">', field("Content-ID", "<b@x>")),
        ],
        "related",
    ),
)
attack(
    "related-same-cid",
    lambda: multi(
        "related-same-cid",
        [part("text/html", b'<img src="cid:a@x">' * 10_000)]
        + [part("image/png", b"\x89PNG", field("Content-ID", "<a@x>"))] * 400,
        "related",
    ),
)
attack(
    "inline-images-10k",
    lambda: multi(
        "inline-images-10k",
        [part("text/html", b"".join(b'<img src="cid:%d@x">' % n for n in range(10_000)))]
        + [part("image/png", b"%d" % n, field("Content-ID", f"<{n}@x>")) for n in range(10_000)],
        "related",
    ),
)
attack(
    "signed-many",
    lambda: multi(
        "signed-many",
        [text_part()] + [part("application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----")] * 450,
        "signed",
    ),
)
attack(
    "encrypted-garbage",
    lambda: multi(
        "encrypted-garbage",
        [part("application/pgp-encrypted", b"Version: 1"), part("application/octet-stream", b"\xff" * 100_000)],
        "encrypted",
    ),
)
attack(
    "partial",
    plain("partial", extra=b"").replace(
        b"text/plain; charset=utf-8", b'message/partial; id="a@b"; number=1; total=99999999999'
    ),
)
attack(
    "external-body",
    head(
        "external-body", extra=field("Content-Type", 'message/external-body; access-type=URL; URL="file:///etc/passwd"')
    )
    + b"\r\nContent-Type: text/html\r\nContent-ID: <x@y>\r\n\r\n"
    + MARK.encode()
    + b"\r\n",
)
attack(
    "external-body-local",
    head(
        "external-body-local",
        extra=field("Content-Type", 'message/external-body; access-type=local-file; name="/etc/passwd"'),
    )
    + b"\r\n\r\n",
)
attack("multipart-no-body", head("multipart-no-body", extra=field("Content-Type", "multipart/mixed; boundary=b")))
attack(
    "multipart-encoded",
    head(
        "multipart-encoded",
        extra=field("Content-Type", "multipart/mixed; boundary=b") + field("Content-Transfer-Encoding", "base64"),
    )
    + b"\r\n"
    + joined([text_part()]),
)
attack(
    "report-groups-100k",
    lambda: multi(
        "report-groups-100k",
        [
            text_part(),
            part(
                "message/delivery-status",
                b"Reporting-MTA: dns; x\r\n\r\n"
                + b"Final-Recipient: rfc822; a@b.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" * 100_000,
            ),
        ],
        "report",
    ),
)
attack(
    "report-fields-100k",
    lambda: multi(
        "report-fields-100k",
        [
            text_part(),
            part(
                "message/delivery-status",
                b"Final-Recipient: rfc822; a@b.test\r\nDiagnostic-Code: smtp; 550 x\r\n" * 50_000,
            ),
        ],
        "report",
    ),
)
attack(
    "report-diagnostic-long",
    lambda: multi(
        "report-diagnostic-long",
        [
            text_part(),
            part(
                "message/delivery-status",
                b"Final-Recipient: rfc822; a@b.test\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550"
                + b" 5.1.1\r\n " * 40_000,
            ),
        ],
        "report",
    ),
)
attack(
    "report-nested-original",
    lambda: multi(
        "report-nested-original",
        [
            text_part(),
            part("message/delivery-status", b"Final-Recipient: rfc822; a@b.test\r\nStatus: 5.1.1\r\n"),
            part("message/rfc822", _nested("x", 500)),
        ],
        "report",
    ),
)
attack(
    "report-disposition",
    lambda: multi(
        "report-disposition",
        [
            text_part(),
            part(
                "message/disposition-notification",
                b"Disposition: automatic-action/MDN-sent-automatically; displayed/" + b"x," * 20_000,
            ),
        ],
        "report",
    ),
)
attack(
    "report-feedback",
    lambda: multi(
        "report-feedback",
        [text_part(), part("message/feedback-report", b"Feedback-Type: abuse\r\n" * 20_000)],
        "report",
    ),
)
attack(
    "boundary-missing-spaces",
    lambda: (
        head("boundary-missing-spaces", extra=field("Content-Type", "multipart/mixed"))
        + b"\r\n"
        + (b"--" + b" " * 490 + b"\r\n") * 5_000
    ),
)
