import os
import socket
import time

import pytest

from bench import machine, peer, wire
from bench.fanout import crowd
from bench.flow import Flow, Window
from bench.swarm import Silence, Swarm, swarm


def test_cpu_per_delivery_is_in_microseconds() -> None:
    window = Window(deliveries=1000, seconds=2.0, cpu_s=0.005)

    assert (window.cpu_us, window.per_s) == (5.0, 500.0)


def test_cpu_clock_is_the_process_own() -> None:
    clock = machine.cpu_clock(os.getpid())
    before = time.process_time()

    assert before <= clock() <= time.process_time()


@pytest.mark.parametrize("name", ["ours", "stock", "floor"])
def test_everyone_in_the_room_is_told_once(name: str) -> None:
    with peer.running(peer.PEERS[name]) as process, swarm() as clients:
        flow = crowd(clients, process, 5, 100, senders=3)
        window = flow.keep(3, 0.0, 0.2)

        assert window.deliveries > 0
        assert process.order("count") == 8


def test_every_message_of_a_schedule_is_timed_at_every_sampled_client() -> None:
    with peer.running(peer.FLOOR) as process, swarm() as clients:
        flow = crowd(clients, process, 5, 100, senders=2)
        late_s = flow.offer(200, 0.1, flow.recipients[:3])

    assert len(late_s) == 20 * 3
    assert min(late_s) > 0


@pytest.mark.parametrize("name", ["ours", "stock", "floor"])
def test_a_server_counts_those_who_left_no_more(name: str) -> None:
    with peer.running(peer.PEERS[name]) as process, swarm() as clients:
        made = clients.connect(process.port, [wire.connect({})] * 4)
        clients.leave(made[:3])
        end_s = time.monotonic() + 5
        while process.order("count") != 1:
            assert time.monotonic() < end_s

        assert len(clients.clients) == 1


def pair(clients: Swarm) -> tuple[socket.socket, socket.socket]:
    """Give a client of the swarm and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = clients._dial(listener.getsockname()[1])
        return client, listener.accept()[0]


@pytest.mark.parametrize(("wrong", "error"), [(1, ConnectionError), (-1, Silence)])
def test_a_delivery_too_many_or_too_few_is_an_error(
    monkeypatch: pytest.MonkeyPatch, wrong: int, error: type[Exception]
) -> None:
    monkeypatch.setattr("bench.flow.SILENCE_S", 0.1)
    with swarm() as clients:
        member, server = pair(clients)
        sender, sink = pair(clients)
        server.sendall(b"x" * (wire.said_bytes(10) + wrong))
        with server, sink, pytest.raises(error):
            Flow(clients, [sender], [member], 10, time.process_time).keep(1, 0.0, 1.0)


def test_a_server_that_hangs_up_is_an_error() -> None:
    with swarm() as clients:
        member, server = pair(clients)
        server.close()
        with pytest.raises(ConnectionError):
            Flow(clients, [member], [member], 10, time.process_time).keep(1, 0.0, 1.0)
