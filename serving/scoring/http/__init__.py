"""HTTP/1.1 on sockets, and one request and answer as the doors see them."""
