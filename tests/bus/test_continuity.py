"""Whether a reader can be sure that it has missed nothing."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bus.continuity import FAILOVER, REWOUND, START, TRIMMED, WIPED, Id, Place, Snapshot, format_id, parse_id


class Stream:
    """A stream as a server keeps it: entries with ids, a count of all, and whatever was trimmed."""

    def __init__(self, count: int = 0, *, counts: bool = True) -> None:
        self.ids: list[Id] = []
        self.added = 0
        self.last = START
        self.counts = counts
        self.epoch = b"epoch"
        self.server: str | None = "server"
        self.add(count)

    def add(self, count: int) -> None:
        for _ in range(count):
            self.added += 1
            self.last = (1000 + self.added, 0)
            self.ids.append(self.last)

    def trim(self, keep: int) -> None:
        self.ids = self.ids[len(self.ids) - keep :]

    def look(self) -> Snapshot:
        first = self.ids[0] if self.ids else None
        return Snapshot(self.epoch, self.server, first, self.last, len(self.ids), self.added if self.counts else None)

    def after(self, at: Id, count: int | None = None) -> list[bytes]:
        return raw([one for one in self.ids if one > at][:count])


def raw(ids: Sequence[Id]) -> list[bytes]:
    return [format_id(one).encode() for one in ids]


def test_ids_are_read_as_they_are_written() -> None:
    assert parse_id(b"1700000000000-12") == (1_700_000_000_000, 12)
    assert format_id(parse_id(b"1700000000000-12")) == "1700000000000-12"


def test_ids_are_compared_as_numbers() -> None:
    assert parse_id(b"9-0") < parse_id(b"10-0") < parse_id(b"10-9") < parse_id(b"10-10")


def test_a_log_in_which_nothing_happened_was_not_missed() -> None:
    stream = Stream(5)
    assert Place(stream.look()).missed(stream.look()) is None


def test_a_log_that_does_not_exist_yet_was_not_missed() -> None:
    stream = Stream()
    place = Place(stream.look())
    assert place.missed(stream.look()) is None
    stream.add(3)
    assert place.missed(stream.look()) is None


def test_entries_that_wait_to_be_read_are_not_missed() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(7)
    assert place.missed(stream.look()) is None


def test_what_was_read_and_then_trimmed_is_not_missed() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(5)
    place.advance(stream.after(place.id))
    stream.trim(0)
    assert place.missed(stream.look()) is None
    stream.add(2)
    assert place.missed(stream.look()) is None


def test_what_was_trimmed_unread_is_missed() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(5)
    stream.trim(2)
    assert place.missed(stream.look()) == TRIMMED


def test_a_stream_emptied_before_it_was_read_is_missed() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(5)
    stream.trim(0)
    assert place.missed(stream.look()) == TRIMMED


def test_a_server_that_does_not_count_is_believed_only_where_nothing_is_gone() -> None:
    stream = Stream(5, counts=False)
    place = Place(stream.look())
    stream.add(5)
    assert place.missed(stream.look()) is None
    stream.trim(2)
    assert place.missed(stream.look()) == TRIMMED


def test_entries_trimmed_between_two_reads_are_noticed_by_the_count() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(10)
    stream.trim(4)
    place.advance(stream.after(place.id))
    assert place.missed(stream.look()) == TRIMMED


def test_a_new_epoch_is_a_wiped_server() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.epoch = b"other"
    assert place.missed(stream.look()) == WIPED


def test_an_end_before_our_place_is_a_rewound_log() -> None:
    place = Place(Stream(9).look())
    assert place.missed(Stream(5).look()) == REWOUND


def test_another_run_of_the_server_may_have_lost_its_last_moments() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(3)
    stream.server = "other"
    assert place.missed(stream.look()) == FAILOVER


def test_a_server_that_does_not_say_who_it_is_is_not_suspected() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.server = None
    assert place.missed(stream.look()) is None


def test_a_log_removed_and_begun_again_on_the_same_server_is_noticed() -> None:
    stream = Stream(50)
    place = Place(stream.look())
    again = Stream()
    again.added, again.last = 0, START
    for number in range(3):
        again.added += 1
        again.last = (5000 + number, 0)
        again.ids.append(again.last)
    place.advance(again.after(place.id))
    assert place.missed(again.look()) == TRIMMED


def test_a_mark_on_the_way_tells_of_entries_trimmed_while_reading_never_catches_up() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(100)
    assert place.missed(stream.look()) is None
    place.confirm(stream.look())
    stream.add(100)
    assert not place.advance(stream.after(place.id, 10))
    stream.trim(120)
    assert place.advance(stream.after(place.id, 50))


def test_a_mark_reached_without_a_loss_says_nothing() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(30)
    place.confirm(stream.look())
    stream.add(30)
    assert not any(place.advance(stream.after(place.id, 7)) for _ in range(9))
    assert place.missed(stream.look()) is None


def test_after_trimming_the_reader_goes_on_where_it_stands() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(9)
    stream.trim(2)
    assert place.resume(TRIMMED, stream.look()) == place.id


def test_after_a_wipe_under_the_same_clock_the_reader_goes_on_where_it_stands() -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.epoch = b"other"
    assert place.resume(WIPED, stream.look()) == place.id


@pytest.mark.parametrize("server", ["other", None])
def test_after_a_wipe_under_another_clock_everything_is_new(server: str | None) -> None:
    place = Place(Stream(5).look())
    stream = Stream(9)
    stream.epoch, stream.server = b"other", server
    assert place.resume(WIPED, stream.look()) == START


@pytest.mark.parametrize("reason", [WIPED, TRIMMED, REWOUND, FAILOVER])
def test_a_log_that_is_gone_is_read_from_its_start(reason: str) -> None:
    assert Place(Stream(5).look()).resume(reason, Stream().look()) == START


@pytest.mark.parametrize("reason", [REWOUND, FAILOVER])
def test_another_history_is_searched_for_what_is_known(reason: str) -> None:
    assert Place(Stream(5).look()).resume(reason, Stream(3).look()) is None


def test_the_newest_known_entry_is_where_the_histories_part() -> None:
    stream = Stream()
    place = Place(stream.look())
    stream.add(9)
    place.advance(stream.after(START))
    newest_first = raw([(2000, 0), (1007, 5), stream.ids[5], stream.ids[4]])
    assert place.newest_known(newest_first) == stream.ids[5]
    assert place.newest_known(raw([(2000, 0)])) == START


@pytest.mark.parametrize("trimmed_to", [0, 3, 20])
def test_a_gap_is_told_once(trimmed_to: int) -> None:
    stream = Stream(5)
    place = Place(stream.look())
    stream.add(20)
    stream.trim(trimmed_to)
    stream.epoch = b"other"
    assert place.missed(stream.look()) == WIPED
    place.move(place.id, stream.look())
    assert place.missed(stream.look()) is None
    stream.add(4)
    while unread := stream.after(place.id, 6):
        assert not place.advance(unread)
        place.confirm(stream.look())
    assert place.missed(stream.look()) is None


@given(st.lists(st.tuples(st.sampled_from(["add", "read", "trim", "look"]), st.integers(0, 8)), max_size=60))
def test_a_gap_is_told_exactly_when_an_entry_was_never_read(steps: list[tuple[str, int]]) -> None:
    """However adding, reading, trimming and looking mix: no alarm without a loss, and no loss without an alarm."""
    stream = Stream(4)
    place, told, read = Place(stream.look()), False, set(stream.ids)
    start = stream.last

    def look() -> None:
        nonlocal told
        seen = stream.look()
        if place.missed(seen):
            told = True
            place.move(place.id, seen)
        else:
            place.confirm(seen)

    for step, number in steps:
        if step == "add":
            stream.add(number)
        elif step == "trim":
            stream.trim(min(number, len(stream.ids)))
        elif step == "look":
            look()
        elif unread := stream.after(place.id, number + 1):
            told |= place.advance(unread)
            read.update(map(parse_id, unread))
    while unread := stream.after(place.id):
        told |= place.advance(unread)
        read.update(map(parse_id, unread))
    look()
    ever = {(1000 + number, 0) for number in range(1, stream.added + 1)}
    assert told == bool({one for one in ever if one > start} - read)
