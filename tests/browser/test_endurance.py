"""The page when tokens expire, sessions end and nodes die."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit
from tests.helpers import eventually
from tests.nodes import PASSWORD, MakeNode, Node
from tests.people import call

SHORT_TTL_S = 10


async def test_tokens_are_renewed_on_the_open_socket(visit_at: Visit, make_node: MakeNode) -> None:
    node = await make_node(ACCESS_TTL_S=str(SHORT_TTL_S)).start()
    ana = await visit_at(node, "ana")
    renewals = _count_renewals(ana.page)
    await ana.registers()
    await ana.creates("general")
    await eventually(lambda: len(renewals) >= 3, SHORT_TTL_S * 3)
    await ana.writes("still here")
    await ana.sees("still here")
    assert len(ana.sockets) == 1
    assert all(status == 200 for status in renewals)


async def test_an_ended_session_asks_again_over_the_app_and_keeps_what_was_written(
    visit: Visit, node: Node, http: aiohttp.ClientSession
) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.drafts("half a thought")
    new_password = await _change_password(http, node, "ana")
    sheet = ana.page.get_by_role("dialog", name="Sign in")
    await expect(sheet).to_contain_text("Your session has ended")
    await ana.page.keyboard.press("Escape")
    await ana.page.keyboard.press("Escape")
    await expect(sheet).to_be_visible()
    await ana.signs_in(new_password)
    await ana.is_in("general")
    await expect(sheet).to_be_hidden()
    await expect(ana.page.get_by_role("textbox")).to_have_value("half a thought")
    await ana.page.get_by_role("textbox").press("Enter")
    await ana.sees("half a thought")
    ana.takes_complaints()


@pytest.mark.parametrize("end", [Node.kill, Node.stop])
async def test_a_node_that_comes_back_gets_what_was_written_meanwhile(
    visit: Visit, node: Node, end: Callable[[Node], Awaitable[object]]
) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await end(node)
    await ana.writes("from ana")
    await bo.writes("from bo")
    for person in (ana, bo):
        await expect(person.page.locator(".message.is-queued, .message.is-sending")).to_have_count(1)
    await node.start()
    for person in (ana, bo):
        await person.sees("from ana")
        await person.sees("from bo")
        person.takes_complaints()
    assert await ana.texts() == await bo.texts()


async def test_a_refused_message_says_why_and_can_be_written_again(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.writes("first")
    await ana.sees("first")
    await ana.creates("quiet")
    await ana.page.evaluate(WAIT_UNDER_A_SPENT_KEY)
    await ana.page.reload()
    failed = ana.page.locator(".message.is-failed")
    await expect(failed.get_by_role("alert")).to_contain_text("This key was used before")
    await failed.get_by_role("button", name="Retry").click()
    await expect(failed.get_by_role("alert")).to_contain_text("This key was used before")
    await failed.get_by_role("button", name="Edit").click()
    await expect(failed).to_have_count(0)
    await ana.page.get_by_role("textbox").press("Enter")
    await ana.sees("second")


def _count_renewals(page: Page) -> list[int]:
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith("/refresh") else None)
    return statuses


async def _change_password(http: aiohttp.ClientSession, node: Node, name: str) -> str:
    """Change somebody's password from another device."""
    body = {"username": name, "password": PASSWORD, "refresh_in": "body"}
    signed_in = await call(http, "POST", f"{node.url}/v1/auth/login", json=body)
    headers = {"Authorization": f"Bearer {signed_in.body['access_token']}"}
    change = {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}
    answer = await call(http, "POST", f"{node.url}/v1/auth/password", json=change, headers=headers)
    assert answer.status == 200, answer.body
    return PASSWORD[::-1]


# What a page with a fault would leave to be sent: other content under the key of a message that is stored.
WAIT_UNDER_A_SPENT_KEY = """async () => {
  const refresh = { method: "POST", headers: { "X-Requested-With": "fetch" } };
  const { user, access_token } = await (await fetch("/v1/auth/refresh", refresh)).json();
  const headers = { Authorization: `Bearer ${access_token}` };
  const { items } = await (await fetch("/v1/channels", { headers })).json();
  const general = items.find((channel) => channel.name === "general");
  const { items: messages } = await (await fetch(`/v1/channels/${general.id}/messages`, { headers })).json();
  sessionStorage.setItem(`heliograph.${user.id}.pending`, JSON.stringify([{
    client_msg_id: messages[0].client_msg_id,
    channel_id: location.hash.slice(2),
    text: "second",
    queued_at: new Date().toISOString(),
  }]));
}"""
