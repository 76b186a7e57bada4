"""Who is at the door: the client's own address and scheme, and how much one address may ask for.

Forwarding headers count only from networks that are trusted by configuration; of a chain, the right-most hop that is
not one of them is the client. An IPv6 client owns a /64, so that is what is counted.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """One client as its handshake showed it. headers: only `user-agent`, `authorization` and `origin`."""

    address: str
    scheme: str
    headers: tuple[tuple[str, str], ...]


class Proxies:
    """The networks whose forwarding headers are believed."""

    def __init__(self, networks: Iterable[Network | str] = ()) -> None:
        self._networks = tuple(ip_network(network) if isinstance(network, str) else network for network in networks)

    def trusts(self, address: str) -> bool:
        """Tell whether an address belongs to a trusted proxy; what is no address does not."""
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def client(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """Return the client's address: the peer's own, or the right-most untrusted hop that proxies name.

        forwarded_for: the values of every X-Forwarded-For header, in order.
        """
        address = peer
        if not self._networks or not self.trusts(peer):
            return address
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        while hops and self.trusts(address):
            parsed = _parse(_without_port(hops.pop()))
            if parsed is None:  # a proxy says something that is no address: believe it no further
                break
            address = str(parsed)
        return address

    def scheme(self, peer: str, own: str, forwarded_proto: str | None) -> str:
        """Return `http` or `https`: the transport's own, or what a trusted peer says of it."""
        if forwarded_proto and self.trusts(peer):
            said = forwarded_proto.rpartition(",")[2].strip().lower()
            return said if said in ("http", "https") else own
        return own


@lru_cache(maxsize=4096)
def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


@lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """Return the name under which an address is counted: itself, or an IPv6 address's /64."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return address


class Visitors:
    """Open sockets and new handshakes by address, for a bounded number of addresses.

    sockets: how many one address may have open. per_s, burst: its token bucket of handshakes.
    addresses: how many buckets are remembered; the one longest unused is forgotten first. clock: monotonic seconds.
    """

    def __init__(self, sockets: int, per_s: float, burst: int, addresses: int, clock: Callable[[], float]) -> None:
        self._sockets = sockets
        self._per_s = per_s
        self._burst = burst
        self._addresses = addresses
        self._clock = clock
        self._open: dict[str, int] = {}
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, address: str) -> bool:
        """Tell whether an address may open one more session now; a yes takes one token."""
        key = counted_as(address)
        if self._open.get(key, 0) >= self._sockets:
            return False
        now_s = self._clock()
        tokens, filled_s = self._buckets.pop(key, (float(self._burst), now_s))
        tokens = min(float(self._burst), tokens + (now_s - filled_s) * self._per_s)
        self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now_s)
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return tokens >= 1

    def opened(self, address: str) -> None:
        """Count one open socket."""
        key = counted_as(address)
        self._open[key] = self._open.get(key, 0) + 1

    def closed(self, address: str) -> None:
        """Count one open socket less."""
        key = counted_as(address)
        left = self._open[key] - 1
        if left:
            self._open[key] = left
        else:
            del self._open[key]
