"""The portal on a phone's home screen: the web app manifest, in the visitor's language.

Source: Web Application Manifest (W3C).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailgate.portal.desk import desk_of


def manifest(request: Request) -> Response:
    """GET /manifest.webmanifest."""
    desk = desk_of(request)
    company = desk.site.company.name
    translator = desk.translator(request)
    icons = [
        {"src": desk.pages.static[name].url, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for name, size, purpose in (
            ("icon-192.png", 192, "any"),
            ("icon-512.png", 512, "any"),
            ("icon-maskable.png", 512, "maskable"),
        )
    ]
    body = {
        "name": translator.t("page.app.name", company=company),
        "short_name": company[:12],
        "lang": translator.language,
        "id": f"{desk.pages.root}/",
        "start_url": f"{desk.pages.root}/",
        "scope": f"{desk.pages.root}/",
        "display": "standalone",
        "background_color": "#f4f5f7",
        "theme_color": "#1f4fd8",
        "icons": icons,
    }
    headers = {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Language"}
    return JSONResponse(body, media_type="application/manifest+json", headers=headers)
