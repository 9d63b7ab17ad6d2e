"""The pages in a real browser: the portal of `tests/unit/portal`, shared by these tests."""

from __future__ import annotations

from tests.unit.portal.conftest import make_portal, portal, quick

__all__ = ["make_portal", "portal", "quick"]
