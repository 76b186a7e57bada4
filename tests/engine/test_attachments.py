# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import pytest

from app.engine import Binary
from app.engine.attachments import Assembly
from app.engine.packets import Malformed, Rules, decode

RULES = Rules(binary=True)
TWO = '52-7["m",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]'


def test_attachments_take_the_places_that_are_held_for_them():
    assembly = Assembly(decode(TWO, RULES), Binary())
    assert assembly.add(b"one") is None
    packet = assembly.add(b"two")
    assert (packet.type, packet.id, packet.data) == (2, 7, ["m", b"one", {"a": [b"two"]}])
    assert assembly.size == 6


def test_a_binary_acknowledgement_becomes_an_acknowledgement():
    packet = Assembly(decode('61-7[{"_placeholder":true,"num":0}]', RULES), Binary()).add(b"x")
    assert (packet.type, packet.data) == (3, [b"x"])


def test_more_attachments_than_allowed_are_refused_before_they_come():
    with pytest.raises(Malformed):
        Assembly(decode(TWO, RULES), Binary(attachments=1))


def test_more_bytes_than_allowed_are_refused():
    assembly = Assembly(decode(TWO, RULES), Binary(bytes=10))
    assembly.add(b"123456")
    with pytest.raises(Malformed):
        assembly.add(b"12345")


@pytest.mark.parametrize("number", ["-1", "1", "1.0", '"0"', "null", "true", "[]"])
def test_places_without_an_attachment_are_refused(number):
    """E7."""
    packet = decode(f'51-["m",{{"_placeholder":true,"num":{number}}}]', RULES)
    with pytest.raises(Malformed):
        Assembly(packet, Binary()).add(b"x")
