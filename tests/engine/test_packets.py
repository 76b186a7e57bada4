# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine import encode_event
from app.engine.packets import Incoming, Malformed, Packet, Rules, decode, encode

RULES = Rules()
WIDE = Rules(json_depth=900, event_name_chars=1000, printable=False, binary=True)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Incoming(0, "/", None, None)),
        ("0/admin,", Incoming(0, "/admin", None, None)),
        ("0/admin", Incoming(0, "/admin", None, None)),
        ('0/admin,{"token":"123"}', Incoming(0, "/admin", None, {"token": "123"})),
        ("0/admin?a=1,{}", Incoming(0, "/admin", None, {})),
        ("1", Incoming(1, "/", None, None)),
        ("1/admin,", Incoming(1, "/admin", None, None)),
        ('2["foo"]', Incoming(2, "/", None, ["foo"])),
        ('2/admin,["bar",{"a":[1]}]', Incoming(2, "/admin", None, ["bar", {"a": [1]}])),
        ('212["foo"]', Incoming(2, "/", 12, ["foo"])),
        ('20["foo"]', Incoming(2, "/", 0, ["foo"])),
        ('3/admin,13["bar"]', Incoming(3, "/admin", 13, ["bar"])),
        ("30[]", Incoming(3, "/", 0, [])),
    ],
)
def test_packets_of_the_protocol_text_are_decoded(text, packet):
    assert decode(text, RULES) == packet


def test_binary_packets_are_decoded_where_they_are_allowed():
    packet = decode('51-["baz",{"_placeholder":true,"num":0}]', WIDE)
    assert (packet.type, packet.attachments) == (5, 1)
    packet = decode('62-/admin,456[{"_placeholder":true,"num":1}]', WIDE)
    assert (packet.type, packet.attachments, packet.namespace, packet.id) == (6, 2, "/admin", 456)


MALFORMED = [
    "", "7", "a", "abc", "9[]", "-1", "2", "2[]", "2{}", '2"message"', "2[5]", "2[null]", '2[{"a":1}]', "2null", "2[",
    '2["a"]]', '2["a"', '2abc["m"]', '2 ["m"] x', '2/admin["x"]', '2["a",NaN]', '2["a",1e999]', '2["a","\\ud800"]',
    '2["a","\\u0000"]', '2["a",9007199254740993]', '29999999999999999["a"]', '21e5["a"]', '2-1["a"]',
    '2["a",' + "[" * 17 + "]" * 17 + "]", '2["' + "n" * 129 + '"]', '2["a\\nb"]', '2["\\u001b[31m"]', '2["a\\u202eb"]',
    "3", "3[]", "3{}", "31", "31{}", '31"x"', "31[NaN]", '0"tok"', "0[1]", "05", "0true", "0null", '00{"a":1}', "01{}",
    "1{}", "1[]", "15", "4", '4{"message":"x"}', "4[]", '5["m"]', '51-["m"]', "6[]", '450-["x"]',
    "2/" + "a" * 300 + ',["x"]',
    "0/" + "a" * 900_000,
]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: text[:20])
def test_what_breaks_the_protocol_is_malformed(text):
    with pytest.raises(Malformed):
        decode(text, RULES)


@pytest.mark.parametrize(
    "name", ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "*", ""]
)
def test_reserved_names_are_malformed_even_where_the_rules_are_wide(name):
    """E4: what the library calls its own handlers by cannot come from the wire."""
    with pytest.raises(Malformed) as caught:
        decode(f'2["{name}",1]', WIDE)
    assert caught.value.kind == "reserved event"


@pytest.mark.parametrize("text", ['5["m"]', '50-["m"]', '51000000-["m"]', '599999999999-["m"]', '5-["m"]', '21-["m"]'])
def test_attachment_counts_that_cannot_be_are_malformed(text):
    """E6, E7."""
    with pytest.raises(Malformed):
        decode(text, WIDE)


def test_a_payload_may_nest_as_deep_as_the_limit():
    assert decode('2["a",' + "[" * 16 + "]" * 16 + "]", RULES)


def test_events_are_encoded_as_the_protocol_text_says():
    assert encode_event("/", "foo", b'{"a":1}') == b'2["foo",{"a":1}]'
    assert encode_event("/admin", 'b"r', b"1") == b'2/admin,["b\\"r",1]'
    assert encode(3, "/admin", b'["bar"]', 13) == b'3/admin,13["bar"]'
    assert encode(0, "/") == b"0"
    assert encode(1, "/admin") == b"1/admin,"


def test_upstreams_packet_cannot_be_used_to_decode():
    with pytest.raises(Malformed):
        Packet(encoded_packet='2["a"]')


def test_upstreams_packet_encodes_strictly():
    with pytest.raises(TypeError):
        Packet(2, ["a", {"x": 2**60}], namespace="/").encode()
    assert Packet(2, ["a", b"\x01"], namespace="/x").encode() == [
        '51-/x,["a",{"_placeholder":true,"num":0}]', b"\x01",
    ]  # fmt: skip


@given(st.text())
def test_any_text_is_decoded_or_malformed(text):
    for rules in (RULES, WIDE):
        try:
            decode(text, rules)
        except Malformed as error:
            assert len(error.kind) < 30  # noqa: PT017  it need not be raised


@given(st.sampled_from("0123456"), st.text('0123456789-/,[]{}"azé\\:', max_size=30))
def test_any_text_that_looks_like_a_packet_is_decoded_or_malformed(kind, rest):
    try:
        packet = decode(kind + rest, WIDE)
    except Malformed:
        return
    assert packet.namespace.startswith("/")
    if packet.type in (2, 5):
        assert isinstance(packet.data[0], str)
