import socket

from loadtest.demo.ports import choose_ports


def test_a_port_that_is_free_is_taken_and_one_that_is_not_gets_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        busy, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        ports = choose_ports({"registry": busy, "http": free})
    assert ports["http"] == (free, free)
    default, chosen = ports["registry"]
    assert default == busy
    assert chosen not in (busy, free)
