"""Why an exchange failed: what aiohttp raises, in the words of the log."""

import os
import ssl
from dataclasses import dataclass

import aiohttp

from alerts.channels.guard import BlockedAddress
from alerts.domain.deliveries import Reason


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no whole answer came. detail: one line for a person, without any address."""

    reason: Reason
    detail: str


# First match wins. The words are ours: other people's messages may hold the URL, and with it keys.
_KNOWN: tuple[tuple[type[BaseException], Failure], ...] = (
    (aiohttp.InvalidURL, Failure(Reason.INVALID_URL, "the URL cannot be used")),
    (aiohttp.NonHttpUrlClientError, Failure(Reason.INVALID_URL, "the URL cannot be used")),
    (aiohttp.ConnectionTimeoutError, Failure(Reason.TIMEOUT, "no connection in time")),
    (aiohttp.ClientPayloadError, Failure(Reason.CONNECTION, "the answer broke off")),
    (aiohttp.ServerDisconnectedError, Failure(Reason.CONNECTION, "closed without an answer")),
    (aiohttp.ClientResponseError, Failure(Reason.OTHER, "no HTTP answer, or too long a head")),
)


def failure_of(error: Exception) -> Failure:
    """The reason for an error raised by an exchange, and a line for the log."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        flaw = error.certificate_error
        return Failure(Reason.TLS, getattr(flaw, "verify_message", None) or "bad certificate")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _of_connecting(error)
    for kind, failure in _KNOWN:
        if isinstance(error, kind):
            return failure
    if isinstance(error, TimeoutError) and error.errno is None:
        return Failure(Reason.TIMEOUT, "no whole answer in time")
    if isinstance(error, OSError | aiohttp.ClientConnectionError):
        return _of_socket(error)
    return Failure(Reason.OTHER, f"the exchange failed: {type(error).__name__}")


def _of_connecting(error: aiohttp.ClientConnectorError) -> Failure:
    if isinstance(error.os_error, BlockedAddress):
        return Failure(Reason.BLOCKED_ADDRESS, str(error.os_error))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure(Reason.DNS, "the name has no address")
    return _of_socket(error.os_error)


def _of_socket(error: Exception) -> Failure:
    cause = error.__cause__
    for flaw in (error, cause):
        if isinstance(flaw, ssl.SSLError):
            said = flaw.reason or "handshake failed"
            return Failure(Reason.TLS, said.lower().replace("_", " "))
    number = error.errno if isinstance(error, OSError) else None
    return Failure(Reason.CONNECTION, os.strerror(number).lower() if number else "it was lost")
