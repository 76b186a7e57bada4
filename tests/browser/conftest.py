"""A real browser for the page: Debian's Chromium, one process a test, one context a person."""

import functools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.visitor import Visitor
from tests.nodes import Node

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium; skip where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit_at(chromium: Browser) -> AsyncIterator[Visit]:
    """Open a node's page as somebody new; at the end no page may have complained, unless its test took the complaints.

    Takes the node, a name, and options of a Playwright context.
    """
    visitors: list[Visitor] = []

    async def visit(node: Node, name: str, **options: object) -> Visitor:
        visitor = await Visitor.opens(chromium, node.url, name, **options)
        visitors.append(visitor)
        return visitor

    yield visit
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def visit(visit_at: Visit, node: Node) -> Visit:
    """Open the page of the one node that runs."""
    return functools.partial(visit_at, node)
