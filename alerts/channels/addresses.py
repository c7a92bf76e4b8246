"""What an endpoint may ask for: its URL and its own headers, judged without touching the network.

A name is judged as text here; what it resolves to is judged at every connection (guard.py).
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from urllib.parse import quote

import idna

from alerts.channels.networks import Trusted, forbidden, read_address, read_port
from alerts.errors import InvalidInput

# Characters of a URL, before and after it is normalised.
LONGEST_URL = 2048
# https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
LONGEST_NAME = 253
# How somebody who means a receiver of their own gets it past these rules.
OWN_RECEIVER = (
    "to reach a receiver of your own, name its host:port in GRADEBELL_TRUSTED_DESTINATIONS"
)

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?P<port>:.*)?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULT_PORTS = {"http": 80, "https": 443}

# Below 1024 live system services, and of them only these two speak HTTP by custom.
_LOWEST_FREE_PORT = 1024
# Above, services that read lines and would take a POST for commands, or act on one unasked:
# https://fetch.spec.whatwg.org/#port-blocking, then databases, queues, desktops and clusters.
_CLOSED_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679}
    | {6697, 10080, 1433, 1521, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5672, 5900, 6379, 9042}
    | {9092, 9200, 9300, 10250, 11211, 27017}
)

# Names that mean a machine or network of ours: RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`.
_HOME_NAMES = frozenset({"localhost", "localdomain", "local", "internal", "home.arpa"})

HEADERS_MAX = 20
HEADER_NAME_MAX = 64
HEADER_VALUE_MAX = 1024
HEADERS_TOTAL_MAX = 8192

# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# What we say ourselves; what frames the message or belongs to one connection; what claims to come
# from elsewhere; and the key words that open a cloud's metadata service.
_RESERVED_HEADERS = frozenset(
    {"content-type", "content-length", "content-encoding", "user-agent", "host", "date"}
    | {"transfer-encoding", "te", "trailer", "connection", "keep-alive", "upgrade", "expect"}
    | {"http2-settings", "accept-encoding", "cookie", "cookie2", "set-cookie"}
    | {"forwarded", "via", "x-real-ip", "metadata", "metadata-flavor"}
    | {"x-google-metadata-request"}
)
_RESERVED_PREFIXES = ("webhook-", "gradebell-", "proxy-", "sec-", "x-forwarded-", "x-aws-ec2-")


def vet_url(url: str, *, https_only: bool, trusted: Trusted) -> str:
    """The URL in its one normal form, or a refusal that says what would do.

    Normal: scheme and host in lower case, names as A-labels without a final dot, the default port
    left out, `/` for no path, everything ASCII. Addresses are judged; names cannot be, here.
    https_only: refuse plain http; a trusted destination may use it all the same.
    Raises InvalidInput with field `url`.
    """
    if len(url) > LONGEST_URL:
        raise _refusal(f"must be at most {LONGEST_URL} characters long")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _refusal("must hold no blank and no control character")
    match = _URL.fullmatch(url)
    if match is None or "\\" in url:
        raise _refusal("must be written like https://example.com/path")
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise _refusal("must start with https://")
    if match["fragment"] is not None:
        raise _refusal("must end before the #: what follows it is never sent")
    host, port = _read_authority(match["authority"], _DEFAULT_PORTS[scheme])
    _judge(scheme, host, port, https_only=https_only, trusted=trusted)
    authority = host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"
    # A question mark with nothing behind it is no query: whoever connects leaves it out as well.
    query = f"?{match['query']}" if match["query"] else ""
    normal = f"{scheme}://{authority}{_escape(match['path'] or '/')}{_escape(query)}"
    if len(normal) > LONGEST_URL:
        raise _refusal(f"must be at most {LONGEST_URL} characters long, all escaped")
    return normal


def vet_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The endpoint's own headers, names in lower case, in the order given.

    Raises InvalidInput (field `headers`, or `headers.<name>`) for names we or the protocol need,
    names said twice, anything but printable ASCII, and for too many or too long ones.
    """
    if len(headers) > HEADERS_MAX:
        raise InvalidInput("headers", f"holds at most {HEADERS_MAX} headers")
    vetted: dict[str, str] = {}
    for name, value in headers.items():
        if len(name) > HEADER_NAME_MAX or not _TOKEN.fullmatch(name):
            raise InvalidInput(
                "headers", f"has names of 1 to {HEADER_NAME_MAX} letters, digits and hyphens"
            )
        lowered = name.lower()
        if lowered in _RESERVED_HEADERS or lowered.startswith(_RESERVED_PREFIXES):
            raise InvalidInput(f"headers.{lowered}", "is ours, or the protocol's, to set")
        if lowered in vetted:
            raise InvalidInput(f"headers.{lowered}", "is given twice")
        if len(value) > HEADER_VALUE_MAX or not _VALUE.fullmatch(value):
            raise InvalidInput(
                f"headers.{lowered}",
                f"is 1 to {HEADER_VALUE_MAX} printable ASCII characters, no blank at either end",
            )
        vetted[lowered] = value
    if sum(len(name) + len(value) for name, value in vetted.items()) > HEADERS_TOTAL_MAX:
        raise InvalidInput("headers", f"is longer than {HEADERS_TOTAL_MAX} characters in all")
    return tuple(vetted.items())


def _refusal(problem: str) -> InvalidInput:
    return InvalidInput("url", problem)


def _read_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise _refusal("must hold no user name or password; send an Authorization header instead")
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not match["host"]:
        raise _refusal("must name a host, as in https://example.com/path")
    port = default_port if match["port"] is None else read_port(match["port"][1:])
    if port is None:
        raise _refusal("must have a port from 1 to 65535, or none")
    return _normal_host(match["host"]), port


def _normal_host(host: str) -> str:
    if host.startswith("["):
        address = read_address(host)
        if address is None or isinstance(address, IPv4Address) or address.scope_id is not None:
            raise _refusal("must have an IPv6 address between its brackets")
        return f"[{address.compressed}]"
    name = _ascii_name(host).removesuffix(".")
    labels = name.split(".")
    # Resolvers read 2130706433, 0x7f.1 and 017700000001 as addresses; so do we, by refusing them.
    if _NUMBER.fullmatch(labels[-1]):
        if not isinstance(read_address(name), IPv4Address):
            raise _refusal("must write an IPv4 address as four decimal numbers: 93.184.215.14")
        return name
    if len(name) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refusal("must have a valid host name")
    return name


def _ascii_name(host: str) -> str:
    """The name as it is asked for: mapped first, so that full-width digits are judged as digits."""
    lowered = host.lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode()
    except UnicodeError as error:
        raise _refusal("must have a valid host name") from error


def _judge(scheme: str, host: str, port: int, *, https_only: bool, trusted: Trusted) -> None:
    if trusted.has(host, port):
        return
    if https_only and scheme != "https":
        raise _refusal(f"must start with https://; {OWN_RECEIVER}")
    if port in _CLOSED_PORTS or (port < _LOWEST_FREE_PORT and port not in _DEFAULT_PORTS.values()):
        raise _refusal(
            f"must not use port {port}: 443, 80 or one above 1023 that speaks HTTP would do"
        )
    address = read_address(host)
    if address is not None:
        if reason := forbidden(address):
            raise _refusal(
                f"must lead to a public address, and this one is {reason}; {OWN_RECEIVER}"
            )
    elif "." not in host or any(host == n or host.endswith(f".{n}") for n in _HOME_NAMES):
        raise _refusal(f"must name a public host, not one of a local network; {OWN_RECEIVER}")


def _escape(text: str) -> str:
    if _STRAY_PERCENT.search(text):
        raise _refusal("must write a % only before two hexadecimal digits")
    return quote(text, safe="%/?:@!$&'()*+,;=-._~")
