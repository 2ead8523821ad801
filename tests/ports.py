"""Free ports for servers that are told their port before they start."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port(port: int = 0) -> Iterator[int]:
    """A port that is given to nobody else while the block runs: one server can listen there, and start again. It is
    `port`, or one that is free.

    A port that was found free and released could be that of another process by then. This one stays bound, without
    listening, which the kernel allows beside a server that sets SO_REUSEADDR, as all do.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        yield held.getsockname()[1]
