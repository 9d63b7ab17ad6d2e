"""Attacks by HTML: size, depth, unclosed everything, style sheets, scripts in every disguise."""

from __future__ import annotations

from tests.hostile.mails import MARK, attack, multi, page, part

_N = 100_000

for name, html in {
    "depth": "<div>" * _N, "depth-closed": "<div>" * _N + "</div>" * _N, "depth-inline": "<b>" * _N, "depth-font": "<font size=1>" * _N, "depth-quotes": "<blockquote>" * _N,
    "depth-200": "<div>" * 199 + MARK + "</div>" * 199, "depth-formatting": "<b><i><u><a>" * 30_000, "depth-lists": "<ul><li>" * 50_000, "depth-svg": "<svg><g>" * 50_000, "depth-math": "<math><mi>" * 50_000,
    "tables": "<table>" * _N, "tables-closed": "<table><tr><td>" * 5_000 + MARK, "tables-foster": "<table>a<b>" * 30_000, "tables-rows": "<table>" + "<tr><td>x" * _N, "tables-cells": "<table><tr>" + "<td>x</td>" * _N,
    "tags-unclosed": "<a " * _N, "tags-open": "<" * 1_000_000, "tags-slash": "</" * 500_000, "tags-empty": "<>" * 500_000, "tags-long-name": "<" + "a" * 1_000_000 + ">", "tags-p": "<p>" * 300_000, "tags-br": "<br>" * 300_000,
    "tags-unknown": "<x-y>" * _N, "tags-end": "</div>" * 200_000, "tags-end-p": "</p>" * 100_000, "tags-hr": "<hr>" * _N, "tags-template": "<template>" * 20_000, "tags-select": "<select><option>" * 40_000, "tags-form": "<form><input>" * 40_000,
    "tags-nobr": "<nobr>" * 40_000, "tags-a": "<a href=x>" * 60_000, "tags-a-p": "<a href=x><p>" * 20_000, "tags-button": "<button>" * 30_000, "tags-mixed": "<b><p></b><i></p></i>" * 30_000, "tags-frameset": "<frameset><frame>" * 30_000,
    "attributes": "<p " + " ".join(f"a{n}=b" for n in range(_N)) + ">", "attributes-same": "<p " + "a=b " * _N + ">", "attributes-unclosed": '<p a="' + "x" * 1_000_000, "attributes-long": '<img src="' + "x" * 900_000 + '">', "attributes-quotes": "<p " + "\"'" * 300_000 + ">",
    "attributes-style": '<p style="' + "color:red;" * 90_000 + '">x', "attributes-class": '<p class="' + "a " * 400_000 + '">x', "attributes-title": f'<p title="{"&lt;" * 200_000}">x',
    "entities": "&amp;" * 200_000, "entities-open": "&" * 900_000, "entities-numbers": "&#99999999999999999999;" * 40_000, "entities-long": "&#" + "9" * 900_000 + ";", "entities-named": "&CounterClockwiseContourIntegral" * 20_000, "entities-nul": "&#0;" * 100_000,
    "entities-surrogates": "&#xD800;&#xDFFF;" * 50_000, "comments": "<!--" * 200_000, "comments-closed": "<!---->" * 120_000, "comments-dashes": "<!--" + "-" * 900_000, "comments-bang": "<!--" + "--!" * 300_000, "comments-conditional": "<!--[if mso]>" * 70_000,
    "comments-conditional-closed": "<!--[if mso]>x<![endif]-->" * 35_000, "comments-downlevel": "<![if !mso]>x<![endif]>" * 40_000, "declarations": "<!" * 400_000, "processing": "<?xml " * 150_000, "cdata": "<![CDATA[" * 100_000, "doctype": "<!DOCTYPE " * 90_000,
    "css-1MB": "<style>" + "a{color:red}" * 80_000 + "</style>x", "css-open": "<style>" * 100_000, "css-unclosed": "<style>" + "a{" * 400_000, "css-import": "<style>" + "@import url(http://fora.test/x.css);" * 20_000, "css-comment": "<style>" + "/*" * 400_000,
    "script-open": "<script>" * 100_000, "script-escaped": "<script><!--<script>" * 40_000, "textarea": "<textarea>" * 90_000, "title": "<title>" * 90_000, "plaintext": "<plaintext>" * 60_000, "xmp": "<xmp>" * 90_000, "noscript": "<noscript>" * 80_000, "iframe": "<iframe>" * 80_000,
    "text-1MB": MARK + " " + "palavra " * 120_000, "text-no-space": "a" * 1_000_000, "spaces": " " * 1_000_000, "nbsp": "&nbsp;" * 160_000, "newlines": "\n" * 1_000_000, "pre": "<pre>" + "\n" * 900_000, "hidden": '<div style="display:none">' * 100 + MARK + "#fechar",
    "links-20k": "".join(f'<a href="http://a{n}.test/">x</a>' for n in range(20_000)), "links-nested": '<a href="http://a.test">' * 20_000, "images-10k": '<img src="http://a.test/p.gif">' * 10_000, "images-data": '<img src="data:image/png;base64,iVBORw0KGgo=">' * 9_000,
    "images-data-many": "".join(f'<img src="data:image/png;base64,{n:08d}">' for n in range(9_000)), "images-data-big": '<img src="data:image/png;base64,' + "A" * 1_400_000 + '">', "images-data-equals": '<img src="data:image/png;base64,' + "=" * 900_000 + '">', "images-cid": '<img src="cid:x">' * 40_000,
    "images-percent": '<img src="data:image/png,' + "%41" * 300_000 + '">', "images-names": '<img src="' + "/" * 900_000 + '">', "quotes-gmail": '<div class="gmail_quote">' * 20_000, "quotes-outlook": '<div style="border:none;border-top:solid #E1E1E1 1.0pt">' * 10_000,
    "quotes-cite": "<blockquote type=cite>x</blockquote>" * 20_000, "quotes-hr": "<hr>De: a<br>Para: b<br>" * 20_000, "nul": "<p>\0<scr\0ipt>alert(1)</scr\0ipt>", "controls": "".join(f"<p>&#{n};" for n in range(160)) * 100, "base": '<base href="http://fora.test/"><a href="x">y</a><form action="/logout">',
    "meta": '<meta http-equiv="refresh" content="0;url=http://fora.test/">', "link": '<link rel="stylesheet" href="http://fora.test/x.css">', "lone-surrogates": "<p>\ud800\udfff" * 9_000, "utf8-bom": "\ufeff" * 100_000 + "<p>x", "bidi": "<p>\u202e" * 50_000, "math-mtext": "<math><mtext><table><mglyph><style>" * 9_000,
}.items():  # fmt: skip
    attack(f"html-{name}", page(f"html-{name}", html))
for name, html in {
    "script": "<script>alert(1)</script>", "onerror": "<img src=x onerror=alert(1)>", "onerror-slash": "<img/src=x/onerror=alert(1)>", "svg": "<svg onload=alert(1)><script>alert(1)</script></svg>", "javascript": '<a href="javascript:alert(1)">x</a>',
    "javascript-tab": '<a href="java\tscript:alert(1)">x</a>', "javascript-entity": '<a href="&#106;avascript&colon;alert(1)">x</a>', "javascript-nul": '<a href="java\0script:alert(1)">x</a>', "javascript-control": '<a href="\x01javascript:alert(1)">x</a>', "data": '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "vbscript": '<a href="vbscript:x">y</a>', "iframe": '<iframe srcdoc="<script>alert(1)</script>"></iframe>', "object": '<object data="data:text/html,x"></object><embed src="javascript:alert(1)">', "style": '<p style="background:url(javascript:alert(1));behavior:url(x);position:fixed;width:expression(alert(1))">x</p>',
    "style-tag": "<style>@import 'http://fora.test/x.css';p{background:url(http://fora.test/)}</style>", "nested": "<scr<script>ipt>alert(1)</scr</script>ipt>", "math": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">', "noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "template": "<template><script>alert(1)</script></template>", "form": '<form action="http://fora.test/"><input name=password type=password><button formaction="javascript:alert(1)">', "meta": '<meta http-equiv=refresh content="0;url=javascript:alert(1)">', "details": "<details open ontoggle=alert(1)>", "autofocus": "<input autofocus onfocus=alert(1)>",
    "srcset": '<img srcset="http://fora.test/a 1x"><video poster="http://fora.test/p"><audio src="http://fora.test/a"><source src="http://fora.test/s">', "background": '<table background="http://fora.test/x"><td background="javascript:x">', "ping": '<a href="http://fora.test/" ping="http://fora.test/p" target=_top>x</a>', "cid": '<img src="cid:javascript:alert(1)">', "id": '<p id="token" name="token" class="menu">x', "utf7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "mxss-title": "<svg></p><title><a id=\"</title><img src=x onerror=alert(1)>\">", "mxss-xmp": "<p><xmp><p title=\"</xmp><img src=x onerror=alert(1)>\">", "entity-attribute": '<img src="x&quot; onerror=&quot;alert(1)">', "half": "<img src=x onerror=alert(1) ", "comment": "<!--><script>alert(1)</script>-->", "cdata": "<![CDATA[<script>alert(1)</script>]]>", "xml": '<?xml version="1.0"?><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>',
}.items():  # fmt: skip
    attack(f"xss-{name}", page(f"xss-{name}", f"<p>{MARK}</p>{html}"))
attack("xss-subject-name", page("xss-subject-name", "<p>x", subject="<img src=x onerror=alert(1)>\"'>" + MARK))
attack("html-2MiB-and-more", lambda: page("html-2MiB-and-more", "<p>palavra</p>" * 300_000))
attack("html-8MiB-tags", lambda: page("html-8MiB-tags", "<b>" * 2_000_000))
attack("html-100-pages", lambda: multi("html-100-pages", [part("text/html", b"<div><p>a</div>\r\n" * 3_000)] * 100))
attack(
    "html-alternatives",
    lambda: multi("html-alternatives", [part("text/html", b"<p>a</p>\r\n" * 20_000)] * 60, "alternative"),
)
attack(
    "html-both",
    lambda: multi(
        "html-both",
        [part("text/plain", b"> a\r\n" * 90_000), part("text/html", b"<blockquote>a</blockquote>\r\n" * 30_000)],
        "alternative",
    ),
)
