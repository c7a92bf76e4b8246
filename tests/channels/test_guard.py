"""The outbound guard: rebinding, literals and trust, on both event loops."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import pytest
import uvloop

from alerts.channels.driver import Driver
from alerts.channels.guard import BlockedAddress, Guard, GuardedResolver
from alerts.channels.http import Exchange, HttpClient, open_http
from alerts.channels.networks import Address, Trusted
from alerts.domain.deliveries import Reason
from tests.channels.names import PUBLIC, HangingNames, Names
from tests.receiver import Receiver

Loop = Callable[[], asyncio.AbstractEventLoop]


async def _post(url: str, names: Names, trusted: str = "") -> Exchange:
    async with open_http(deadline_seconds=5, trusted=Trusted.parse(trusted), lookup=names) as http:
        return await http.post(url, {}, b"{}")


def _reason(exchange: Exchange) -> Reason | None:
    return exchange.failure.reason if exchange.failure else None


async def test_a_name_that_turns_from_public_to_loopback_between_checks_reaches_nobody() -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    async with Receiver() as receiver:
        resolver = GuardedResolver(Guard(Trusted()), names)
        at_creation = await resolver.resolve("rebind.example", receiver.port)
        await resolver.close()

        exchange = await _post(f"http://rebind.example:{receiver.port}/", names)

        assert [str(address) for address in at_creation] == [PUBLIC]
        assert _reason(exchange) is Reason.BLOCKED_ADDRESS
        assert receiver.requests == []


async def test_what_was_judged_is_what_is_connected_to_without_asking_again() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with Receiver() as receiver:
        exchange = await _post(
            f"http://flip.example:{receiver.port}/", names, f"127.0.0.1:{receiver.port}"
        )

        assert exchange.status == 204
        assert names.asked == ["flip.example"]


class _Liar(GuardedResolver):
    """Has the guard judge one answer, and gives another."""

    async def resolve(self, host: str, port: int) -> list[Address]:
        await super().resolve(host, port)
        return [ip_address("127.0.0.1")]


async def test_an_answer_that_flips_after_it_was_judged_is_stopped_by_the_socket() -> None:
    guard = Guard(Trusted())
    liar = _Liar(guard, Names([PUBLIC]))
    async with Receiver() as receiver:
        driver = Driver(kept_connections=1)
        http = HttpClient(
            driver, guard, liar, deadline_seconds=5, connect_seconds=5, authorities={}
        )
        exchange = await http.post(f"http://flip.example:{receiver.port}/", {}, b"{}")
        driver.close()

        assert _reason(exchange) is Reason.BLOCKED_ADDRESS
        assert receiver.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        ["2606:4700::1111", "::1"],
        [PUBLIC, "::ffff:10.0.0.1"],
        ["fe80::1%lo"],
        ["169.254.169.254"],
        ["0.0.0.0"],  # noqa: S104  an answer, not a bind
    ],
    ids=str,
)
async def test_one_forbidden_address_among_the_answers_refuses_them_all(answer: list[str]) -> None:
    exchange = await _post("http://mixed.example/", Names(answer))

    assert _reason(exchange) is Reason.BLOCKED_ADDRESS
    assert exchange.remote_address is None


async def test_a_refusal_does_not_tell_where_the_name_leads() -> None:
    exchange = await _post("http://inside.example/", Names(["10.1.2.3"]))

    assert exchange.failure is not None
    assert exchange.failure.detail == "the name leads to an address that is private"
    assert "10.1.2.3" not in repr(exchange)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_an_address_in_the_url_is_refused_by_the_socket_though_nothing_resolves_it(
    host: str,
) -> None:
    names = Names([PUBLIC])
    async with Receiver() as receiver:
        exchange = await _post(f"http://{host}:{receiver.port}/", names)

        assert _reason(exchange) is Reason.BLOCKED_ADDRESS
        assert receiver.requests == []
        assert names.asked == []


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0177.0.0.1"])
async def test_an_odd_notation_that_came_past_the_first_check_connects_to_nobody(host: str) -> None:
    async with Receiver() as receiver:
        exchange = await _post(f"http://{host}:{receiver.port}/", Names([PUBLIC]))

        assert _reason(exchange) in {Reason.INVALID_URL, Reason.BLOCKED_ADDRESS}
        assert receiver.requests == []


async def test_a_trusted_name_may_lead_anywhere_and_its_neighbour_may_not() -> None:
    async with Receiver() as receiver:
        port = receiver.port
        trusted = f"receiver:{port}"

        friend = await _post(f"http://receiver:{port}/", Names(["127.0.0.1"]), trusted)
        other = await _post(f"http://other.example:{port}/", Names(["127.0.0.1"]), trusted)
        literal = await _post(f"http://127.0.0.1:{port}/", Names(["127.0.0.1"]), trusted)

    assert friend.status == 204
    assert _reason(other) is Reason.BLOCKED_ADDRESS
    assert _reason(literal) is Reason.BLOCKED_ADDRESS


def test_the_socket_has_the_last_word_whatever_the_resolver_said() -> None:
    guard = Guard(Trusted.parse("127.0.0.1:8080"))

    def open_socket(host: str, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        where = (host, port, 0, 0) if ":" in host else (host, port)
        return guard.open_socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where))

    for host, port in ((PUBLIC, 443), ("2606:4700::1111", 443), ("127.0.0.1", 8080)):
        open_socket(host, port).close()
    for host, port in (("127.0.0.1", 8081), ("10.0.0.1", 443), ("::1", 443)):
        with pytest.raises(BlockedAddress):
            open_socket(host, port)


async def test_a_name_without_addresses_is_a_dns_failure() -> None:
    def unknown(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} not known")

    for lookup in (unknown, Names([])):
        async with open_http(deadline_seconds=5, lookup=lookup) as http:
            exchange = await http.post("http://nowhere.example/k3y", {}, b"{}")

        assert _reason(exchange) is Reason.DNS
        assert set(exchange.timings_ms) == {"total"}


async def test_a_name_the_system_knows_is_looked_up_by_the_guard_alone() -> None:
    async with Receiver() as receiver:
        url = f"http://localhost:{receiver.port}/"
        exchange = await _post(url, Names([]), f"127.0.0.1:{receiver.port}")

        assert _reason(exchange) is Reason.DNS
        assert receiver.requests == []


async def test_a_name_server_that_hangs_ends_with_the_time_for_connecting() -> None:
    over = threading.Event()

    def hanging(_: str) -> Sequence[str]:
        over.wait(30)
        return [PUBLIC]

    try:
        async with open_http(deadline_seconds=5, connect_seconds=0.2, lookup=hanging) as http:
            exchange = await http.post("http://slow.example/", {}, b"{}")
    finally:
        over.set()

    assert _reason(exchange) is Reason.TIMEOUT
    assert exchange.timings_ms["total"] < 3000


async def test_a_hundred_names_that_hang_do_not_keep_a_healthy_one_waiting() -> None:
    names = HangingNames()
    resolver = GuardedResolver(Guard(Trusted()), names)
    hanging = [asyncio.create_task(resolver.resolve(f"{n}.example", 443)) for n in range(100)]
    try:
        async with asyncio.timeout(10):
            while len(names.asked) < 100:  # noqa: ASYNC110  threads count it
                await asyncio.sleep(0.01)
            found = await resolver.resolve("healthy.example", 443)

        assert [str(address) for address in found] == [PUBLIC]
        assert not any(task.done() for task in hanging)
    finally:
        names.over.set()
        await asyncio.gather(*hanging, return_exceptions=True)
        await resolver.close()


async def test_a_name_that_hangs_is_looked_up_once_for_all_who_ask_and_outlives_who_gave_up() -> (
    None
):
    names = HangingNames()
    resolver = GuardedResolver(Guard(Trusted()), names)
    asking = [asyncio.create_task(resolver.resolve("slow.example", port)) for port in range(1, 5)]
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve("slow.example", 443), 0.05)
        names.over.set()
        found = await asyncio.gather(*asking)

        assert names.asked == ["slow.example"]
        assert found == [[ip_address(PUBLIC)]] * 4
    finally:
        names.over.set()
        await resolver.close()


@pytest.mark.parametrize(("failed_seconds", "times"), [(60.0, 1), (0.0, 2)])
async def test_a_name_without_addresses_is_asked_for_again_only_after_a_while(
    failed_seconds: float, times: int
) -> None:
    names = Names([])
    resolver = GuardedResolver(Guard(Trusted()), names, failed_seconds=failed_seconds)

    for _ in range(2):
        with pytest.raises(OSError, match=r"nowhere\.example ha"):
            await resolver.resolve("nowhere.example", 443)
    await resolver.close()

    assert len(names.asked) == times


def test_a_look_up_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    code = """
import asyncio, threading
from alerts.channels.http import open_http

async def main():
    hang = lambda host: threading.Event().wait()
    async with open_http(deadline_seconds=5, connect_seconds=0.1, lookup=hang) as http:
        print((await http.post("http://slow.example/", {}, b"{}")).failure.reason)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=30, capture_output=True, text=True
    )

    assert (ended.stdout, ended.stderr) == ("timeout\n", "")


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops_deliver_refuse_and_keep_the_deadline(new_loop: Loop) -> None:
    async def scene() -> list[Exchange]:
        async with Receiver() as receiver, Receiver() as stranger:
            # Where a machine has IPv6, `localhost` has an address in it, too.
            trusted = Trusted.parse(f"{receiver.destination},[::1]:{receiver.port}")
            async with open_http(deadline_seconds=5, trusted=trusted) as http:
                return [
                    await http.post(receiver.url(), {"x-a": "b"}, b"{}"),
                    await http.post(receiver.url(), {"x-a": "b"}, b"{}"),
                    await http.post(stranger.url(), {}, b"{}"),
                    await http.post(f"http://localhost:{receiver.port}/", {}, b"{}"),
                ]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        new, used, literal, name = runner.run(scene())

    assert (new.status, used.status) == (204, 204)
    assert set(new.timings_ms) == {"dns", "connect", "first_byte", "total"}
    assert set(used.timings_ms) == {"first_byte", "total"}
    assert (new.remote_address, used.remote_address) == ("127.0.0.1", "127.0.0.1")
    assert _reason(literal) is Reason.BLOCKED_ADDRESS
    assert name.status == 204
