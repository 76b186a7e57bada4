"""Internet addresses as they are compared and counted. Whose word on an address is believed is decided elsewhere."""

from ipaddress import IPv6Address, ip_address, ip_network


def network_of(address: str) -> str:
    """Give the network that one client owns: an IPv4 address itself, the /64 of an IPv6 address.

    What is no address is given back as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((int(parsed), 64), strict=False))
