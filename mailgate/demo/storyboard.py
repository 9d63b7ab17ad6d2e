"""A ticket's life as one page that needs nothing else: each moment with the mails that leave, as they are read.

The mails stand in frames without scripts, forms or any origin (`sandbox`), so that a template that was changed harms
nobody who looks at it.
"""

from __future__ import annotations

from html import escape

from mailgate.demo.life import Life, Moment, Sent
from mailgate.demo.lifewords import words

_STYLE = """
:root{color-scheme:light dark;--edge:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
ol{list-style:none;padding:0;border-left:3px solid var(--edge);margin-left:.5rem}
li{padding:0 0 1.5rem 1.5rem}
h2{font-size:1.05rem;margin:0}
.status{border:1px solid var(--edge);border-radius:1rem;padding:.05rem .6rem;font-weight:600}
.said{white-space:pre-wrap;background:var(--soft);padding:.6rem .8rem;border-radius:.4rem;margin:.5rem 0}
details{border:1px solid var(--edge);border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer;overflow-wrap:anywhere}
iframe{width:100%;height:36rem;border:0;background:#fff;margin-top:.5rem}
"""


def page(life: Life) -> str:
    """The HTML of a life."""
    end = words("ended" if life.ended else "open", life.language)
    title = f"{life.company}: {life.key}, {life.scenario}"
    return (
        f'<!doctype html><html lang="{escape(life.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<ol>{''.join(_moment(one, life.language) for one in life.moments)}</ol><p>{escape(end)}</p></body></html>\n"
    )


def _moment(moment: Moment, language: str) -> str:
    said = f'<div class="said">{escape(moment.said)}</div>' if moment.said else ""
    return (
        f"<li><h2>{words('day', language)} {moment.day}, {moment.at:%H:%M}: {words(moment.who, language)} "
        f'<span class="status">{escape(moment.label)}</span></h2>{said}'
        f"{''.join(_mail(one) for one in moment.mails)}</li>"
    )


def _mail(mail: Sent) -> str:
    shown = " open" if mail.to == "customer" else ""
    return (
        f"<details{shown}><summary>✉ {escape(mail.notice)} → {escape(mail.address)}: {escape(mail.subject)}</summary>"
        f'<iframe sandbox loading="lazy" title="{escape(mail.subject)}" srcdoc="{escape(mail.html)}"></iframe>'
        "</details>"
    )
