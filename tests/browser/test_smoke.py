"""The first page as two people meet on it."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit

ATTACK = "<img src=x onerror=alert(1)>"


async def test_two_people_find_each_other_and_talk_both_ways(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general", "Everything else")
    await bo.registers()
    await bo.joins("general")
    await ana.writes("hello Bo")
    await bo.sees("hello Bo")
    await bo.writes("hello Ana")
    await ana.sees("hello Ana")
    assert await ana.texts() == await bo.texts() == ["hello Bo", "hello Ana"]
    await expect(bo.page.locator(".author").first).to_have_text("ana")


async def test_markup_in_a_message_is_shown_as_text(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    for text in (ATTACK, "javascript:alert(1)", "<script>alert(1)</script>", "**bold** &amp;"):
        await ana.writes(text)
        await bo.sees(text)
    assert await bo.page.locator("#timeline img, #timeline script, #timeline a").count() == 0
    assert await bo.page.evaluate("({}).admin") is None


async def test_reload_keeps_the_sign_in_the_channel_and_the_draft(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.writes("before the reload")
    await ana.sees("before the reload")
    await ana.drafts("half a thought")
    await ana.page.reload()
    await ana.is_in("general")
    await ana.sees("before the reload")
    await expect(ana.page.get_by_role("textbox")).to_have_value("half a thought")


async def test_sign_out_ends_the_session_in_every_tab(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    other = await ana.page.context.new_page()
    await other.goto("/")
    await expect(other.get_by_role("link", name="general")).to_be_visible()
    await ana.page.get_by_role("button", name="Sign out").click()
    for page in (ana.page, other):
        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    await ana.page.reload()
    await ana.signs_in()
    await expect(ana.page.get_by_role("link", name="general")).to_be_visible()


async def test_unread_messages_are_counted_until_they_are_seen(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await bo.creates("quiet")
    await ana.writes("one")
    await ana.writes("two")
    link = bo.page.get_by_role("link", name="general")
    await expect(link).to_have_accessible_name("general 2 unread")
    await link.click()
    await bo.sees("two")
    await expect(link).to_have_accessible_name("general")
    await expect(bo.page.get_by_text("New messages", exact=True)).to_be_visible()
    await bo.page.reload()
    await bo.sees("two")
    await expect(link).to_have_accessible_name("general")


async def test_what_is_written_offline_arrives_once_even_after_a_reload(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await ana.loses_connection()
    await ana.writes("written in the dark")
    await expect(ana.page.locator(".message.is-queued")).to_have_count(1)
    await bo.writes("meanwhile")
    await expect(ana.page.locator("#banner")).to_contain_text("Reconnecting")
    await ana.regains_connection()
    await ana.page.reload()
    await ana.sees("written in the dark")
    await bo.sees("written in the dark")
    assert await ana.texts() == await bo.texts() == ["meanwhile", "written in the dark"]
    ana.takes_complaints()


async def test_reconnecting_brings_what_was_missed(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await bo.loses_connection()
    for number in range(5):
        await ana.writes(f"missed {number}")
    await ana.sees("missed 4")
    await bo.regains_connection()
    await bo.sees("missed 4")
    assert await bo.texts() == [f"missed {number}" for number in range(5)]
    bo.takes_complaints()


async def test_too_much_to_catch_up_with_is_read_anew(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await ana.writes("before")
    await bo.sees("before")
    await bo.loses_connection()
    await ana.page.evaluate(POST_MANY)
    await bo.regains_connection()
    await bo.sees("message 119")
    texts = await bo.texts()
    assert texts == [f"message {number}" for number in range(120 - len(texts), 120)]
    assert len(texts) <= 100
    bo.takes_complaints()


async def test_older_messages_load_while_scrolling_up_without_a_jump(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.page.evaluate(POST_MANY)
    await ana.sees("message 119")
    await ana.page.reload()
    await ana.sees("message 119")
    assert "message 0" not in await ana.texts()
    timeline = ana.page.locator("#timeline")
    for oldest, older in ((70, 20), (20, 0)):
        row = ana.page.locator(".message", has=ana.page.get_by_text(f"message {oldest}", exact=True))
        place = await row.evaluate(SCROLL_TO_TOP)
        await ana.sees(f"message {older}")
        assert abs(await row.evaluate("(row) => row.getBoundingClientRect().top") - place) < 2
    assert await ana.texts() == [f"message {number}" for number in range(120)]
    await timeline.evaluate("(box) => { box.scrollTop = 0; }")
    await expect(ana.page.get_by_text("This is the start of #general")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_wider_than_a_small_phone(visit: Visit, scheme: str) -> None:
    phone = {"viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True, "color_scheme": scheme}
    ana = await visit("ana", **phone)
    assert await ana.page.evaluate(OVERFLOW) == []
    await ana.registers()
    assert await ana.page.evaluate(OVERFLOW) == []
    await ana.creates("a-channel-whose-name-is-as-long-as-names-may-be-in-this-place-64", "A topic that goes on " * 10)
    await ana.page.get_by_role("textbox").fill("https://example.com/" + "unbreakable" * 20)
    await ana.page.get_by_role("button", name="Send").click()
    await expect(ana.page.locator(".message.is-sent")).to_have_count(1)
    assert await ana.page.evaluate(OVERFLOW) == []
    await ana.page.get_by_role("link", name="Back to the channels").click()
    await expect(ana.page.get_by_role("navigation", name="Channels")).to_be_visible()
    await expect(ana.page.get_by_role("textbox")).to_be_hidden()
    assert await ana.page.evaluate(OVERFLOW) == []


async def test_the_keyboard_alone_reaches_everything(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.writes("one")
    await ana.writes("two")
    await ana.sees("two")
    focused = ana.page.locator(":focus")
    await expect(focused).to_have_accessible_name("Message #general")
    await ana.page.keyboard.press("Shift+F6")
    await expect(focused).to_contain_text("two")
    await ana.page.keyboard.press("ArrowUp")
    await expect(focused).to_contain_text("one")
    await ana.page.keyboard.press("Shift+F6")
    await expect(focused).to_have_accessible_name("general")
    await ana.page.keyboard.press("F6")
    await ana.page.keyboard.press("F6")
    await expect(focused).to_have_accessible_name("Message #general")


async def test_shift_enter_makes_a_line_and_composing_sends_nothing(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.registers()
    await ana.creates("general")
    await ana.drafts("one")
    await ana.page.keyboard.press("Shift+Enter")
    await ana.page.keyboard.type("two")
    await ana.page.get_by_role("textbox").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    assert await ana.texts() == []
    await ana.page.keyboard.press("Enter")
    await ana.sees("one\ntwo")
    assert await ana.texts() == ["one\ntwo"]


async def test_only_what_others_write_in_the_open_channel_is_read_out(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await ana.writes("for your ears")
    await expect(bo.page.locator("#announcer")).to_have_text("ana: for your ears")
    await expect(ana.page.locator("#announcer")).to_be_empty()
    assert await bo.page.locator("[aria-live=polite], [role=status]").count() == 1


async def test_a_channel_that_is_left_is_gone_and_can_be_joined_again(visit: Visit) -> None:
    ana, bo = await visit("ana"), await visit("bo")
    await ana.registers()
    await ana.creates("general")
    await bo.registers()
    await bo.joins("general")
    await bo.page.get_by_role("button", name="Leave this channel").click()
    await bo.page.get_by_role("dialog").get_by_role("button", name="Leave", exact=True).click()
    await expect(bo.page.get_by_role("link", name="general")).to_have_count(0)
    await ana.writes("behind your back")
    await ana.sees("behind your back")
    await bo.joins("general")
    await bo.sees("behind your back")


async def test_wrong_password_is_told_without_naming_the_field(visit: Visit) -> None:
    ana = await visit("ana")
    await ana.page.get_by_label("Username").fill("ana")
    await ana.page.get_by_label("Password", exact=True).fill("not the password")
    await ana.page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(ana.page.get_by_role("alert")).to_have_text("Username or password is wrong.")
    complaints = ana.takes_complaints()
    assert all("401" in complaint for complaint in complaints), complaints


SCROLL_TO_TOP = """(row) => {
  document.getElementById("timeline").scrollTop = 0;
  return row.getBoundingClientRect().top;
}"""
# What sticks out of the window to the right, or can be scrolled sideways.
OVERFLOW = """() => [...document.querySelectorAll("body *")]
  .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 0.5)
  .filter((element) => !element.closest(".unseen, .skip"))
  .filter((element) => getComputedStyle(element.parentElement).overflowX !== "hidden")
  .map((element) => `${element.tagName} ${element.className}`)
  .concat(document.scrollingElement.scrollWidth > innerWidth ? ["page"] : [])
"""
POST_MANY = """async () => {
  const channel = location.hash.slice(2);
  const refresh = { method: "POST", headers: { "X-Requested-With": "fetch" } };
  const { access_token } = await (await fetch("/v1/auth/refresh", refresh)).json();
  for (let number = 0; number < 120; number++) {
    await fetch(`/v1/channels/${channel}/messages`, {
      method: "POST",
      headers: { Authorization: `Bearer ${access_token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ text: `message ${number}` }),
    });
  }
}"""
