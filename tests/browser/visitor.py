"""Somebody at a browser: does what people do, and writes down every complaint of the page."""

import json
import re
from typing import Any, Self

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, WebSocketRoute, expect

from tests.nodes import PASSWORD

LIMIT_MS = 20_000
COMPLAIN_OF_CSP = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

expect.set_options(timeout=LIMIT_MS)


class Visitor:
    """One person in a browser context of their own."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.complaints: list[str] = []
        self.sockets: list[WebSocketRoute] = []
        self.is_cut = False
        page.set_default_timeout(LIMIT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{name}: {error}"))

    @classmethod
    async def opens(cls, browser: Browser, url: str, name: str, **options: Any) -> Self:
        """Open the page in a fresh context; `options` are those of a Playwright context."""
        context: BrowserContext = await browser.new_context(base_url=url, **options)
        await context.add_init_script(COMPLAIN_OF_CSP)
        visitor = cls(await context.new_page(), name)
        await visitor.page.route_web_socket(re.compile(r"/socket\.io/"), visitor._connect)
        await visitor.page.goto("/")
        return visitor

    async def registers(self) -> None:
        """Create an account and wait until the app is there."""
        page = self.page
        await page.get_by_role("button", name="Create an account").click()
        await page.get_by_label("Username").fill(self.name)
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await expect(page.get_by_role("navigation", name="Channels")).to_contain_text(f"@{self.name}")

    async def signs_in(self, password: str = PASSWORD) -> None:
        """Sign in to the account."""
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def creates(self, channel: str, topic: str = "") -> None:
        """Create a public channel and wait until it is open."""
        page = self.page
        await page.get_by_role("button", name="Create a channel").click()
        await page.get_by_label("Name", exact=True).fill(channel)
        await page.get_by_label(re.compile("Topic")).fill(topic)
        await page.get_by_role("button", name="Create", exact=True).click()
        await self.is_in(channel)

    async def joins(self, channel: str) -> None:
        """Find a public channel, join it and wait until it is open."""
        await self.page.get_by_role("navigation").get_by_role("button", name="Browse channels").first.click()
        await self.page.get_by_role("button", name=f"Join {channel}").click()
        await self.is_in(channel)

    async def is_in(self, channel: str) -> None:
        """Wait until a channel is open."""
        await expect(self.page.get_by_role("main", name=channel)).to_be_visible()

    async def writes(self, text: str) -> None:
        """Write a message and send it with Enter."""
        composer = self.page.get_by_role("textbox", name=re.compile("^Message #"))
        await composer.fill(text)
        await composer.press("Enter")

    async def sees(self, text: str, times: int = 1) -> Locator:
        """Wait until a text stands in the timeline as often as it should, acknowledged."""
        rows = self.page.locator(".message.is-sent .text").get_by_text(text, exact=True)
        await expect(rows).to_have_count(times)
        return rows

    async def drafts(self, text: str) -> None:
        """Write something without sending it."""
        await self.page.get_by_role("textbox", name=re.compile("^Message #")).fill(text)

    async def texts(self) -> list[str]:
        """Read all messages of the timeline."""
        return await self.page.locator(".message .text").all_text_contents()

    async def loses_connection(self) -> None:
        """Cut the socket, and every further one, until `regains_connection`."""
        self.is_cut = True
        for socket in self.sockets:
            await socket.close(code=1012)
        self.sockets.clear()
        await self.page.route("**/socket.io/**", lambda route: route.abort())

    async def regains_connection(self) -> None:
        """Let sockets through again, and tell the page as a device does whose network is back."""
        self.is_cut = False
        await self.page.unroute("**/socket.io/**")
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    def takes_complaints(self) -> list[str]:
        """Give the complaints so far and forget them, for a test that expects some."""
        taken, self.complaints = self.complaints, []
        return taken

    async def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            await socket.close(code=1012)
            return
        socket.connect_to_server()
        self.sockets.append(socket)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.name}: {message.text} {json.dumps(message.location)}")
