"""What becomes of the messages of one transaction."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError, FieldError, Invalid
from app.core.sending import Draft, Known, Outcome, Plan, Sent, Stored, fingerprint, plan
from tests.core.laws import law
from tests.core.values import CHANNEL, MESSAGE, NOW_MS, USER, a_channel, a_draft, a_message, an_id

OTHER = an_id("chn", 2)
BEN = an_id("usr", 2)


def known(**fields: Any) -> Known:
    """Give what a transaction has read: one channel, of which USER and BEN are members."""
    read: dict[str, Any] = {
        "channels": {CHANNEL: a_channel(last_seq=41)},
        "roles": {(CHANNEL, USER): "member", (CHANNEL, BEN): "member"},
        "sent": {},
        "reply_channels": {},
    }
    return Known(**(read | fields))


def decide(*drafts: Draft, **fields: Any) -> Plan:
    return plan(drafts, known(**fields), NOW_MS)


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, AppError) else "stored"


def test_a_message_gets_the_next_number_and_keeps_its_content() -> None:
    made = decide(a_draft(text="hi", data={"k": 1}, client_msg_id="c-1"))
    message = made.rows[0].message
    assert message == a_message(
        id=an_id("msg", 1), seq=42, text="hi", data={"k": 1}, client_msg_id="c-1", created_at_ms=NOW_MS
    )
    assert made.outcomes == [Stored(message, duplicate=False)]
    assert made.heads == {CHANNEL: 42}


DRAFTS = st.tuples(
    st.sampled_from([CHANNEL, OTHER, an_id("chn", 3)]),
    st.sampled_from([USER, BEN, an_id("usr", 3)]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "k1", "k2"]),
)


@law
@given(st.lists(DRAFTS, max_size=30), st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_have_no_gaps_and_every_draft_has_one_outcome(
    wanted: list[tuple[str, str, str, str | None]], first: int, second: int
) -> None:
    drafts = [
        a_draft(number, channel_id=channel, author_id=author, text=text, client_msg_id=key)
        for number, (channel, author, text, key) in enumerate(wanted)
    ]
    channels = {CHANNEL: a_channel(last_seq=first), OTHER: a_channel(OTHER, last_seq=second)}
    roles = {(CHANNEL, USER): "member", (OTHER, USER): "owner", (CHANNEL, BEN): "guest", (OTHER, BEN): "moderator"}
    made = decide(*drafts, channels=channels, roles=roles)

    assert len(made.outcomes) == len(drafts)
    for channel_id, last_seq in ((CHANNEL, first), (OTHER, second)):
        seqs = [row.message.seq for row in made.rows if row.message.channel_id == channel_id]
        assert seqs == list(range(last_seq + 1, last_seq + 1 + len(seqs)))
        assert made.heads.get(channel_id, last_seq) == last_seq + len(seqs)
    stored = [outcome for outcome in made.outcomes if isinstance(outcome, Stored)]
    assert [outcome.message for outcome in stored if not outcome.duplicate] == [row.message for row in made.rows]
    keys = [(row.message.author_id, row.message.client_msg_id) for row in made.rows if row.message.client_msg_id]
    assert len(keys) == len(set(keys))
    for draft, outcome in zip(drafts, made.outcomes, strict=True):
        if isinstance(outcome, Stored):
            message = outcome.message
            assert (message.channel_id, message.author_id, message.text) == (
                draft.channel_id,
                draft.author_id,
                draft.text,
            )


def test_a_repeat_within_one_batch_is_the_first_message_again() -> None:
    made = decide(a_draft(1, client_msg_id="c-1"), a_draft(2, client_msg_id="c-1"))
    first = made.rows[0].message
    assert made.outcomes == [Stored(first), Stored(first, duplicate=True)]
    assert len(made.rows) == 1


def test_a_repeat_of_a_stored_message_is_that_message_again() -> None:
    draft = a_draft(9, client_msg_id="c-1")
    sent = Sent(message=a_message(), fingerprint=draft.fingerprint)
    made = decide(draft, sent={(USER, "c-1"): sent})
    assert made == Plan([Stored(a_message(), duplicate=True)], [], {})


def test_a_repeat_is_answered_even_to_who_has_left_since() -> None:
    draft = a_draft(9, client_msg_id="c-1")
    sent = {(USER, "c-1"): Sent(message=a_message(), fingerprint=draft.fingerprint)}
    assert decide(draft, sent=sent, roles={}).outcomes == [Stored(a_message(), duplicate=True)]


@pytest.mark.parametrize(
    "change", [{"text": "other"}, {"data": {"k": 1}}, {"reply_to": MESSAGE}, {"channel_id": OTHER}]
)
def test_a_key_used_again_with_other_content_is_refused(change: dict[str, Any]) -> None:
    made = decide(a_draft(1, client_msg_id="c-1"), a_draft(2, client_msg_id="c-1", **change))
    assert [code(outcome) for outcome in made.outcomes] == ["stored", "idempotency_key_reused"]
    assert len(made.rows) == 1


def test_two_authors_may_use_one_key() -> None:
    made = decide(a_draft(1, client_msg_id="c-1"), a_draft(2, client_msg_id="c-1", author_id=BEN, text="mine"))
    assert [row.message.seq for row in made.rows] == [42, 43]


def test_messages_without_a_key_are_never_repeats() -> None:
    assert [row.message.seq for row in decide(a_draft(1), a_draft(2)).rows] == [42, 43]


def test_a_refused_message_leaves_its_key_free_and_no_gap() -> None:
    made = decide(
        a_draft(1, channel_id=OTHER, client_msg_id="c-1"), a_draft(2, client_msg_id="c-1"), a_draft(3, author_id=BEN)
    )
    assert [code(outcome) for outcome in made.outcomes] == ["not_found", "stored", "stored"]
    assert [row.message.seq for row in made.rows] == [42, 43]


@pytest.mark.parametrize(
    ("role", "answer"),
    [
        ("owner", "stored"),
        ("moderator", "stored"),
        ("member", "stored"),
        ("guest", "channel_read_only"),
        ("king", "channel_read_only"),
    ],
)
def test_the_role_in_the_channel_decides(role: str, answer: str) -> None:
    assert code(decide(a_draft(), roles={(CHANNEL, USER): role}).outcomes[0]) == answer


def test_who_is_no_member_does_not_learn_that_the_channel_exists() -> None:
    (here,) = decide(a_draft(), roles={}).outcomes
    (nowhere,) = decide(a_draft(), channels={}).outcomes
    assert code(here) == code(nowhere) == "not_found"


def test_an_archived_channel_takes_nothing() -> None:
    made = decide(a_draft(), channels={CHANNEL: a_channel(archived_at_ms=NOW_MS)})
    assert code(made.outcomes[0]) == "channel_archived"
    assert made.heads == {}


def test_a_reply_goes_to_a_message_of_the_same_channel() -> None:
    made = decide(a_draft(reply_to=MESSAGE), reply_channels={MESSAGE: CHANNEL})
    assert made.rows[0].message.reply_to == MESSAGE


@pytest.mark.parametrize(("reply_to", "channels"), [(MESSAGE, {}), (MESSAGE, {MESSAGE: OTHER}), ("", {})])
def test_a_reply_to_anything_else_is_refused(reply_to: str, channels: dict[str, str]) -> None:
    (outcome,) = decide(a_draft(reply_to=reply_to), reply_channels=channels).outcomes
    assert isinstance(outcome, Invalid)
    assert outcome.fields == (FieldError("reply_to", "not_found"),)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CONTENT = st.tuples(
    st.sampled_from([CHANNEL, OTHER]),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
    st.none() | st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    st.none() | st.sampled_from([MESSAGE, ""]),
)


def typed(value: object) -> object:
    """Give a form that tells 1 from True, as JSON does, and does not see the order of keys."""
    if isinstance(value, dict):
        return frozenset((key, typed(part)) for key, part in value.items())
    return tuple(map(typed, value)) if isinstance(value, list) else (type(value).__name__, value)


@law
@given(CONTENT, CONTENT)
def test_a_fingerprint_tells_contents_apart_exactly(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (typed(list(one)) == typed(list(other)))


def test_a_fingerprint_does_not_see_the_order_of_keys() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert fingerprint(CHANNEL, None, one, None) == fingerprint(CHANNEL, None, other, None)
    assert len(fingerprint(CHANNEL, None, one, None)) == 32
