"""A client of gRPC that costs little: it sends prepared HTTP/2 frames, one call at a time on each connection.

gRPC's own clients take as much processor time for a call as the server, on the same machine.
"""

import socket
import struct
from collections.abc import Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
LARGEST = 2**31 - 1


class Connection:
    """A connection for calls of one method."""

    def __init__(self, host: str, port: int, method: str, metadata: Mapping[str, str]) -> None:
        self.socket = socket.create_connection((host, port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {
            ":method": "POST", ":scheme": "http", ":path": f"/{method}", ":authority": f"{host}:{port}",
            "te": "trailers", "content-type": "application/grpc", **metadata,
        }  # fmt: skip
        self.headers = b"".join(_literal(name, value) for name, value in headers.items())
        self.stream = -1
        self.buffer = bytearray()
        window = struct.pack(">I", LARGEST - 65535)
        settings = struct.pack(">HI", 4, LARGEST)  # the initial window of streams
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, settings) + _frame(WINDOW_UPDATE, 0, 0, window))

    def call(self, message: bytes) -> bytes:
        """The answer. Raises RuntimeError for a call without one."""
        self.stream += 2
        body = b"\0" + struct.pack(">I", len(message)) + message
        self.socket.sendall(
            _frame(HEADERS, END_HEADERS, self.stream, self.headers) + _frame(DATA, END_STREAM, self.stream, body)
        )
        answer = b""
        while True:
            kind, flags, stream, payload = self._read()
            if kind == DATA:
                answer += payload
            elif kind == SETTINGS and not flags & ACK:
                self.socket.sendall(_frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                self.socket.sendall(_frame(PING, ACK, 0, payload))
            elif kind in (RST_STREAM, GOAWAY):
                raise RuntimeError(f"The server has ended the stream: {payload!r}")
            if stream == self.stream and flags & END_STREAM and kind in (DATA, HEADERS):
                if not answer:
                    raise RuntimeError(f"The call was refused: {payload!r}")
                return answer[5:]

    def close(self) -> None:
        self.socket.close()

    def _read(self) -> tuple[int, int, int, bytes]:
        """The next frame: type, flags, stream, payload."""
        self._fill(9)
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big") & LARGEST
        self._fill(9 + length)
        payload = bytes(self.buffer[9 : 9 + length])
        del self.buffer[: 9 + length]
        return kind, flags, stream, payload

    def _fill(self, length: int) -> None:
        while len(self.buffer) < length:
            piece = self.socket.recv(65536)
            if not piece:
                raise RuntimeError("The server has closed the connection.")
            self.buffer += piece


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A header field that is not indexed (RFC 7541, section 6.2.2)."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


def _string(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes((len(text),)) + text
    rest, encoded = len(text) - 127, bytearray((127,))
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    return bytes((*encoded, rest)) + text
