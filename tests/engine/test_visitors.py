# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import pytest

from app.engine.visitors import Proxies, Visitors, counted_as


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


PROXIES = Proxies(["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["1.2.3.4"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["1.2.3.4, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["1.2.3.4", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["1.2.3.4, 192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8::7"], "2001:db8::7"),
        ("10.0.0.1", ["1.2.3.4, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_trusted_proxy(peer, forwarded, client):
    """E30."""
    assert PROXIES.client(peer, forwarded) == client


def test_without_trusted_proxies_forwarding_headers_mean_nothing():
    assert Proxies().client("127.0.0.1", ["1.2.3.4"]) == "127.0.0.1"
    assert Proxies().scheme("127.0.0.1", "http", "https") == "http"


def test_the_scheme_is_what_a_trusted_peer_says_last():
    assert PROXIES.scheme("10.0.0.1", "http", "https") == "https"
    assert PROXIES.scheme("10.0.0.1", "http", "http, https") == "https"
    assert PROXIES.scheme("10.0.0.1", "http", "gopher") == "http"
    assert PROXIES.scheme("192.0.2.1", "http", "https") == "http"


def test_an_ipv6_client_is_counted_by_its_network():
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:1") == "2001:db8::/64"
    assert counted_as("192.0.2.1") == "192.0.2.1"
    assert counted_as("::ffff:192.0.2.1") == "::ffff:192.0.2.1"


def test_an_address_may_open_as_many_sockets_as_the_limit():
    visitors = Visitors(2, 100, 100, 10, Clock())
    for _ in range(2):
        assert visitors.admit("a")
        visitors.opened("a")
    assert not visitors.admit("a")
    assert visitors.admit("b")
    visitors.closed("a")
    assert visitors.admit("a")


def test_handshakes_are_limited_by_a_bucket_that_refills():
    clock = Clock()
    visitors = Visitors(1000, 10, 5, 10, clock)
    assert [visitors.admit("a") for _ in range(6)] == [True] * 5 + [False]
    clock.now += 0.1
    assert visitors.admit("a")
    assert not visitors.admit("a")
    assert visitors.admit("b")


def test_only_so_many_addresses_are_remembered():
    visitors = Visitors(1000, 0, 1, 10, Clock())
    for number in range(1000):
        assert visitors.admit(str(number))
    assert len(visitors._buckets) == 10
    assert not visitors._open
