"""The order of durable facts: each once, by `seq`, whatever the log does."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.model import Fact
from app.core.sequencer import MAX_WAITING, Sequencer
from tests.core.laws import law
from tests.core.values import CHANNEL, a_fact, an_id

OTHER = an_id("chn", 2)


def seqs(facts: list[Fact]) -> list[int]:
    return [fact.seq for fact in facts]


def following(last_seq: int = 0) -> Sequencer:
    sequencer = Sequencer()
    sequencer.watch(CHANNEL, last_seq)
    return sequencer


@law
@given(st.data(), st.integers(1, 30), st.integers(0, 1000))
def test_any_arrival_hands_out_each_fact_once_and_in_order(data: st.DataObject, count: int, start: int) -> None:
    wanted = list(range(start + 1, start + count + 1))
    repeats = data.draw(st.lists(st.sampled_from(wanted), max_size=20))
    arrivals = data.draw(st.permutations(wanted + repeats))
    sequencer = following(start)

    handed_out = [seq for arrived in arrivals for seq in seqs(sequencer.offer(a_fact(arrived)))]

    assert handed_out == wanted
    assert not sequencer.has_hole(CHANNEL)
    assert sequencer.position(CHANNEL) == wanted[-1]


@law
@given(st.sets(st.integers(1, 30)), st.data())
def test_what_the_log_lost_is_filled_from_the_store(lost: set[int], data: st.DataObject) -> None:
    wanted = list(range(1, 31))
    arrivals = data.draw(st.permutations([seq for seq in wanted if seq not in lost]))
    sequencer = following()

    live = [seq for arrived in arrivals for seq in seqs(sequencer.offer(a_fact(arrived)))]
    behind = sequencer.behind({CHANNEL: 30})
    assert behind == ({} if not lost else {CHANNEL: min(lost) - 1})
    position = behind.get(CHANNEL, 30)
    filled = seqs(sequencer.offer_all(a_fact(seq) for seq in range(position + 1, 31)))

    assert live + filled == wanted


@law
@given(st.lists(st.integers(1, 40), max_size=60), st.integers(0, 40))
def test_after_a_skip_order_and_singleness_still_hold(arrivals: list[int], skip: int) -> None:
    sequencer = following()
    before = [seq for arrived in arrivals for seq in seqs(sequencer.offer(a_fact(arrived)))]
    skipped = seqs(sequencer.skip_to(CHANNEL, skip))
    after = seqs(sequencer.offer_all(a_fact(seq) for seq in range(1, 41)))
    handed_out = before + skipped + after

    assert handed_out == sorted(set(handed_out))
    reached = max(before, default=0)
    assert handed_out == [seq for seq in range(1, 41) if seq <= reached or seq > skip]


def test_a_skip_hands_out_what_waited_behind_it() -> None:
    sequencer = following()
    for seq in (3, 6, 7, 9):
        assert sequencer.offer(a_fact(seq)) == []

    assert seqs(sequencer.skip_to(CHANNEL, 5)) == [6, 7]
    assert sequencer.has_hole(CHANNEL)
    assert seqs(sequencer.offer(a_fact(8))) == [8, 9]


def test_a_skip_backwards_changes_nothing() -> None:
    sequencer = following(10)
    assert sequencer.skip_to(CHANNEL, 4) == []
    assert sequencer.position(CHANNEL) == 10


def test_a_skip_in_a_channel_that_nobody_follows_hands_out_nothing() -> None:
    sequencer = Sequencer()
    assert sequencer.skip_to(CHANNEL, 4) == []
    assert sequencer.position(CHANNEL) is None


def test_a_channel_that_nobody_follows_hands_out_nothing() -> None:
    sequencer = following()
    assert sequencer.offer(a_fact(1, OTHER)) == []
    assert sequencer.position(OTHER) is None
    assert not sequencer.has_hole(OTHER)


def test_channels_do_not_hold_each_other_up() -> None:
    sequencer = following()
    sequencer.watch(OTHER, 0)
    sequencer.offer(a_fact(2))
    assert seqs(sequencer.offer(a_fact(1, OTHER))) == [1]
    assert sequencer.has_hole(CHANNEL)
    assert not sequencer.has_hole(OTHER)


def test_a_channel_is_followed_until_its_last_watcher_leaves() -> None:
    sequencer = following(3)
    sequencer.watch(CHANNEL, 99)
    assert sequencer.position(CHANNEL) == 3, "the second watcher does not move the position"
    sequencer.unwatch(CHANNEL)
    assert seqs(sequencer.offer(a_fact(4))) == [4]
    sequencer.unwatch(CHANNEL)
    assert sequencer.watched() == []
    assert sequencer.offer(a_fact(5)) == []
    sequencer.unwatch(CHANNEL)
    assert sequencer.watched() == []


def test_who_follows_again_starts_from_what_was_read_then() -> None:
    sequencer = following()
    sequencer.offer(a_fact(5))
    sequencer.unwatch(CHANNEL)
    sequencer.watch(CHANNEL, 7)
    assert not sequencer.has_hole(CHANNEL)
    assert seqs(sequencer.offer(a_fact(8))) == [8]


def test_what_waits_for_a_hole_is_bounded_and_the_rest_comes_from_the_store() -> None:
    sequencer = following()
    head = MAX_WAITING + 50
    for seq in range(2, head + 1):
        assert sequencer.offer(a_fact(seq)) == []

    assert seqs(sequencer.offer(a_fact(1))) == list(range(1, MAX_WAITING + 2))
    assert sequencer.behind({CHANNEL: head}) == {CHANNEL: MAX_WAITING + 1}
    refilled = sequencer.offer_all(a_fact(seq) for seq in range(MAX_WAITING + 2, head + 1))
    assert seqs(refilled) == list(range(MAX_WAITING + 2, head + 1))


def test_only_channels_behind_the_store_are_filled() -> None:
    sequencer = following(5)
    sequencer.watch(OTHER, 9)
    assert sequencer.behind({CHANNEL: 8, OTHER: 9, an_id("chn", 3): 4}) == {CHANNEL: 5}
