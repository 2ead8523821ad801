"""Which addresses webhooks and push notifications are delivered to: none in private networks, unless allowed."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from models.core.errors import Invalid
from settings import settings

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; not if it stands for an IPv4 address that does not."""
    found = ip_address(address.partition("%")[0])
    inner = _inner(found) if isinstance(found, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return found.is_global and not found.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if it does (RFC 4291, 3056, 4380, 6052)."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def check_url(url: str, *, allow_private: bool | None = None) -> None:
    """Raises Invalid `url_not_allowed` for a URL to which nothing may be delivered.

    A name is resolved only when something is delivered; the address is checked then, each time. `allow_private`: also
    private networks, and without TLS; by default, if the setting for webhooks allows it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refusal("The URL is malformed.") from None
    if any(one.isspace() for one in url):
        raise _refusal("The URL is malformed.")
    if parts.scheme not in ("https", "http") or not host:
        raise _refusal("The URL must begin with https:// and name a host.")
    if parts.username is not None or parts.fragment:
        raise _refusal("The URL must contain neither a user name nor a fragment.")
    if settings.webhooks_allow_private if allow_private is None else allow_private:
        return
    if parts.scheme != "https":
        raise _refusal("The URL must begin with https://.")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or not _may_be_public(host):
        raise _refusal("The URL leads into a private network.")


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return True  # a name


def _refusal(detail: str) -> Invalid:
    return Invalid(detail, code="url_not_allowed", errors={"url": [detail]})
