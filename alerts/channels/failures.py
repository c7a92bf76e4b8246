"""Why an exchange failed: what libcurl reports, in the words of the log."""

import os
import re
from dataclasses import dataclass
from typing import Final

import pycurl

from alerts.channels.driver import Fault
from alerts.channels.guard import BlockedAddress
from alerts.domain.deliveries import Reason


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no whole answer came. detail: one line for a person, without any address."""

    reason: Reason
    detail: str


UNUSABLE_URL: Final = Failure(Reason.INVALID_URL, "the URL cannot be used")
BROKEN_HEADER: Final = Failure(Reason.OTHER, "a header would break the message")
NO_ADDRESS: Final = Failure(Reason.DNS, "the name has no address")
NO_CONNECTION_IN_TIME: Final = Failure(Reason.TIMEOUT, "no connection in time")
NO_ANSWER_IN_TIME: Final = Failure(Reason.TIMEOUT, "no whole answer in time")
NO_HTTP: Final = Failure(Reason.OTHER, "no HTTP answer, or too long a head")
_LOST: Final = Failure(Reason.CONNECTION, "it was lost")

# https://curl.se/libcurl/c/libcurl-errors.html#CURLETOOLARGE, which pycurl has no name for.
_TOO_LARGE: Final = 100

# The words are ours: libcurl's own hold names and addresses.
# https://curl.se/libcurl/c/libcurl-errors.html
_KNOWN: Final[dict[int, Failure]] = {
    pycurl.E_URL_MALFORMAT: UNUSABLE_URL,
    pycurl.E_COULDNT_RESOLVE_HOST: NO_ADDRESS,
    pycurl.E_PARTIAL_FILE: Failure(Reason.CONNECTION, "the answer broke off"),
    pycurl.E_GOT_NOTHING: Failure(Reason.CONNECTION, "closed without an answer"),
    pycurl.E_SEND_ERROR: _LOST,
    pycurl.E_RECV_ERROR: _LOST,
    # Of ours: a connection that broke may not be tried again.
    pycurl.E_ABORTED_BY_CALLBACK: _LOST,
    # What is no HTTP/1, for one, once the connection stands.
    pycurl.E_UNSUPPORTED_PROTOCOL: NO_HTTP,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: NO_HTTP,
    pycurl.E_BAD_CONTENT_ENCODING: NO_HTTP,
    _TOO_LARGE: NO_HTTP,
    pycurl.E_SSL_CONNECT_ERROR: Failure(Reason.TLS, "handshake failed"),
    pycurl.E_PEER_FAILED_VERIFICATION: Failure(Reason.TLS, "bad certificate"),
    pycurl.E_SSL_CACERT_BADFILE: Failure(Reason.TLS, "our authorities cannot be read"),
}
# What OpenSSL says about a certificate or a handshake: a fixed list of phrases.
_SAID_BY_OPENSSL = re.compile(r"(?:verify result: |SSL routines::)([A-Za-z][A-Za-z0-9 ,()-]{2,79})")


def failure_of(fault: Fault, *, said: bool, errno: int) -> Failure:
    """The reason for what a transfer ended with, and a line for the log.

    said: whether the request was begun. errno: of the operating system, 0 if there was none.
    """
    code, message = fault
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return NO_ANSWER_IN_TIME if said else NO_CONNECTION_IN_TIME
    known = _KNOWN.get(code)
    if known is None and code != pycurl.E_COULDNT_CONNECT:
        return Failure(Reason.OTHER, f"the exchange failed: libcurl's error {code}")
    if known is None or known is _LOST:
        return _of_system(errno)
    if known.reason is Reason.TLS and (phrase := _SAID_BY_OPENSSL.search(message)):
        return Failure(Reason.TLS, phrase[1].partition(" (")[0])
    return known


def failure_to_connect(refusal: OSError) -> Failure:
    """The reason for what the resolver or the socket factory raised."""
    if isinstance(refusal, BlockedAddress):
        return Failure(Reason.BLOCKED_ADDRESS, str(refusal))
    return _of_system(refusal.errno or 0)


def _of_system(errno: int) -> Failure:
    return Failure(Reason.CONNECTION, os.strerror(errno).lower()) if errno else _LOST
