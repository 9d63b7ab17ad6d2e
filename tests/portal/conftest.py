"""The pages in a real browser: the portal of `tests/unit/portal`, shared by these tests."""

from __future__ import annotations

import pytest

from tests.unit.portal.conftest import make_portal, portal, quick

__all__ = ["make_portal", "portal", "quick"]

#: Told without scripts each time; the others' second telling is for `make test-long`.
_ALWAYS = ("test_link", "test_account_pages", "test_centrium_pages")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The documents' stories are told twice, on a phone and at a desk, once without scripts: that one is long."""
    for item in items:
        called = getattr(item, "callspec", None)
        module = item.path.stem
        if item.path.parent.name != "portal" or called is None or module in _ALWAYS:
            continue
        if called.params.get("scripts") is False:
            item.add_marker(pytest.mark.long)
