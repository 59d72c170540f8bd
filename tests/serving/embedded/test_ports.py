import socket

import pytest

from registry.core.errors import Conflict
from serving.embedded.plan import Ports
from serving.embedded.ports import check_free, free_ports, holder_of


def test_a_taken_port_names_its_holder_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Conflict, match=rf"port {port} \(http\) is taken by .*--http-port"):
            check_free(Ports(http=port), ["http"])
        assert holder_of(port)


def test_free_ports_are_different() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
