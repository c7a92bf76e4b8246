"""URLs and headers an endpoint may and may not have."""

import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from alerts.channels.addresses import LONGEST_URL, vet_url
from alerts.channels.networks import Trusted
from alerts.errors import InvalidInput

NOBODY = Trusted()


def _vet(url: str, *, https_only: bool = True, trusted: Trusted = NOBODY) -> str:
    return vet_url(url, https_only=https_only, trusted=trusted)


@pytest.mark.parametrize(
    ("given_url", "normal"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Hook?Key=A%20b", "https://example.com/Hook?Key=A%20b"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://my_app.example.com/", "https://my_app.example.com/"),
        ("https://bücher.example/ü?q=é", "https://xn--bcher-kva.example/%C3%BC?q=%C3%A9"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0ecom/", "https://example.com/"),
        ("https://1.1.1.1/a", "https://1.1.1.1/a"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://[2606:4700::1.1.1.1]:9443/", "https://[2606:4700::101:101]:9443/"),
        ("https://example.com/a/../b//c;d=[1]", "https://example.com/a/../b//c;d=%5B1%5D"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com?", "https://example.com/"),
        ("https://example.com/a??", "https://example.com/a??"),
        ("https://example.com/\N{BELL}", "https://example.com/%F0%9F%94%94"),
    ],
)
def test_a_good_url_is_kept_in_its_one_normal_form(given_url: str, normal: str) -> None:
    assert _vet(given_url) == normal
    assert _vet(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "https:example.com",
        "https:///path",
        "https://",
        "https://:443/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:70/",
        "javascript://example.com/%0aalert(1)",
        "http://example.com/",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com@1.1.1.1/",
        "https://@example.com/",
        "https://example.com\\@evil.example/",
        "https:\\\\example.com/",
        "https://exa\tmple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com/a b",
        " https://example.com/",
        "https://example.com/\x00",
        "https://example.com/\u200b",
        "https://example.com/\udcff",
        "https://example.com/#top",
        "https://example.com/#",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:+443/",
        "https://example.com:0443/",
        "https://example.com:٤٤٣/",
        "https://example.com:443:443/",
        "https://exa%6dple.com/",
        "https://1.1.1.%31/",
        "https://example..com/",
        "https://.example.com/",
        "https://example.com../",
        "https://-example.com/",
        "https://exa$mple.com/",
        f"https://{'a' * 64}.com/",
        f"https://{'a.' * 130}com/",
        "https://xn--0.com/",
        "https://\u2488com/",
        "https://[::1/",
        "https://::1/",
        "https://[1.1.1.1]/",
        "https://[2606:4700::1%25eth0]/",
        "https://[]/",
        "https://[2606:4700::1]x/",
        "https://example.com/%zz",
        "https://example.com/" + "a" * LONGEST_URL,
        "https://example.com/" + "é" * 500,
    ],
)
def test_any_other_url_is_refused_under_its_own_name(url: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _vet(url)

    assert refusal.value.field == "url"
    assert refusal.value.problem.startswith("must ")


# Notations that getaddrinfo(3) takes for 127.0.0.1 or another address nobody may reach.
LOCAL = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "127.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.01",
    "0",
    "0x",
    "0x0",
    "00.0.0.0",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1",
    "0xA9FEA9FE",
    "169.254.169.254",
    "10.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:1.1.1.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::1.1.1.1]",
    "[2002:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "localhost",
    "LOCALHOST.",
    "foo.localhost",
    "printer.local",
    "metadata.google.internal",
    "nas.home.arpa",
    "intranet",
    "kubernetes",
]


@pytest.mark.parametrize("host", LOCAL)
def test_no_notation_of_a_local_address_or_name_gets_through(host: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _vet(f"https://{host}/")

    assert refusal.value.field == "url"


@given(st.from_regex(r"(0x)?[0-9a-fA-F]{1,12}(\.(0x)?[0-9a-fA-F]{1,4}){0,3}", fullmatch=True))
def test_what_the_system_reads_as_an_address_is_only_taken_in_its_plain_form(host: str) -> None:
    try:
        system = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    try:
        vetted = _vet(f"https://{host}/")
    except InvalidInput:
        return

    assert vetted == f"https://{system}/"


@given(st.text(max_size=60))
def test_whatever_is_given_it_is_refused_or_made_plain_ascii(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            vetted = _vet(url)
        except InvalidInput:
            continue
        assert vetted.isascii()
        assert vetted.startswith("https://")
        assert _vet(vetted) == vetted
        # Who connects reads the same host in it as who judges.
        seen = URL(vetted, encoded=True)
        judged = urlsplit(vetted)
        assert (seen.raw_host, seen.port) == (judged.hostname, judged.port or 443)
        assert str(seen) == vetted


@pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 444, 1023, 3306, 6379, 6667, 11211, 27017])
def test_a_port_where_no_http_is_spoken_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match="port"):
        _vet(f"https://example.com:{port}/")


@pytest.mark.parametrize("port", [80, 443, 1024, 3000, 8000, 8080, 8443, 9000, 50000, 65535])
def test_a_port_where_http_may_be_spoken_is_not(port: int) -> None:
    _vet(f"https://example.com:{port}/")


def test_plain_http_needs_the_operators_word() -> None:
    assert _vet("http://example.com/", https_only=False) == "http://example.com/"
    with pytest.raises(InvalidInput, match="https://"):
        _vet("http://example.com/")


def test_a_trusted_destination_is_exempt_from_the_rules_of_scheme_address_and_port() -> None:
    trusted = Trusted.parse("receiver:79,127.0.0.1:8080,[::1]:8080")

    assert _vet("http://receiver:79/x", trusted=trusted) == "http://receiver:79/x"
    assert _vet("http://127.0.0.1:8080", trusted=trusted) == "http://127.0.0.1:8080/"
    assert _vet("http://[0::1]:8080", trusted=trusted) == "http://[::1]:8080/"
    for near in ("http://receiver:80/", "http://127.0.0.1:8081/", "http://127.1:8080/"):
        with pytest.raises(InvalidInput):
            _vet(near, trusted=trusted)


def test_a_refusal_repeats_nothing_of_the_url() -> None:
    with pytest.raises(InvalidInput) as refusal:
        _vet("http://user:hunter2@example.com/hunter2?hunter2#hunter2")

    assert "hunter2" not in str(refusal.value)
