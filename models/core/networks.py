"""The network of a client's IP address, by which requests are limited."""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix (RFC 6052). Its last 32 bits are an IPv4 address."""


def network_of(ip: str | None) -> str | None:
    """The IPv4 address, or the /64 network of an IPv6 address, which is what a subscriber is assigned.

    An IPv6 address that stands for an IPv4 address (IPv4-mapped, NAT64, 6to4) is that address: all of the first two
    kinds share one /64. None if it is not an address.
    """
    try:
        address = ipaddress.ip_address((ip or "").partition("%")[0])  # a link-local one may name its interface
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        address = address.ipv4_mapped or address.sixtofour or within or address
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
