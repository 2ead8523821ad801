"""A connection of a client. Sending never waits for a client that reads slowly, unless the answer is large."""

import select
import socket
import time
from enum import Enum, auto

from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData

from api.server.incoming import Incoming

MAX_PENDING = 4 << 20  # bytes of an answer that wait for their client without a thread; of public ones, all
PATIENCE = 10.0  # seconds that a thread waits for a client, beyond what MIN_RATE allows
MIN_RATE = 8 << 10  # bytes per second; at that rate, what is received or sent extends the time that is left


class State(Enum):
    """What a connection waits for when no thread has it."""

    IDLE = auto()
    """the first byte of a request"""
    RECEIVING = auto()
    SENDING = auto()
    CLOSING = auto()
    """the client's end of the connection: a connection that is closed with unread bytes loses the answer"""


class TooSlow(Exception):
    """A client does not send its large body at the minimum rate."""


class Outgoing:
    """The socket as gunicorn sees it while it answers. What the client does not read at once is kept."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket, self.pending, self.sent = sock, bytearray(), 0
        self._slow_since: float | None = None

    def sendall(self, data: bytes) -> None:
        """Sends or keeps the data. Waits while too much is kept, and raises TimeoutError for a client that is slow."""
        if self.flush():
            data = data[self._send(data) :]
        self.pending += data
        while len(self.pending) > MAX_PENDING:
            self._slow_since = self._slow_since or time.monotonic()
            if not is_ready(self.socket, select.POLLOUT, self._slow_since + PATIENCE + self.sent / MIN_RATE):
                raise TimeoutError("The client reads too slowly.")
            self.flush()

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> bool:
        """Sends what the client is ready to take. Returns whether that was everything."""
        while self.pending:
            sent = self._send(bytes(self.pending[: 64 << 10]))
            if not sent:
                return False
            del self.pending[:sent]
        return True

    def _send(self, data: bytes) -> int:
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return 0
        self.sent += sent
        return sent

    def gettimeout(self) -> float:
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """The socket never blocks."""

    def recv(self, size: int) -> bytes:
        """Nothing: requests are read elsewhere."""
        return b""

    def shutdown(self, how: int) -> None:
        """The worker closes the connection when everything is sent."""

    def close(self) -> None:
        """The worker closes the connection when everything is sent."""


class Connection:
    """A client's connection, as gunicorn's thread worker uses it: `sock`, `client` and `server`."""

    def __init__(self, config: Config, sock: socket.socket, client: object, server: object) -> None:
        sock.setblocking(False)
        self.config, self.socket, self.client, self.server = config, sock, client, server
        self.sock = Outgoing(sock)
        self.state, self.since, self.keep = State.IDLE, time.monotonic(), False
        self.drained = 0
        self.incoming = Incoming(config, client)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self.incoming.head) + self.incoming.feed.size + len(self.sock.pending)

    def read_large(self, size: int, until: float) -> bytes:
        """Reads more of a large body, in a thread. Raises TooSlow, and NoMoreData at the end of the connection."""
        if not is_ready(self.socket, select.POLLIN, until + self.incoming.received / MIN_RATE):
            raise TooSlow("The body did not arrive in time.")
        data = self.socket.recv(size)
        if not data:
            raise NoMoreData()
        self.incoming.received += len(data)
        return data


def is_ready(sock: socket.socket, what: int, deadline: float) -> bool:
    """Waits until the socket can be read or written. False after the deadline, in monotonic time."""
    poll = select.poll()
    poll.register(sock, what)
    left = deadline - time.monotonic()
    return left > 0 and bool(poll.poll(left * 1000))
