"""One request while it arrives. gunicorn's parser reads what has arrived; this decides when that is all of it."""

import re
from collections import deque
from collections.abc import Callable

from gunicorn.config import Config
from gunicorn.http import Request, RequestParser
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine

MAX_HEAD = 64 << 10  # bytes
MAX_LINE = 8192  # bytes of a line between chunks; the parser refuses longer ones
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*;.*)?", re.DOTALL)  # int() also takes signs, spaces and 0x
LARGE = 1 << 20  # bytes of a body; the thread itself reads the rest of a larger one


class Feed:
    """What the parser reads in place of a socket: the bytes that have arrived, and then what `more` returns."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.more: Callable[[int], bytes] | None = None

    def put(self, data: bytes) -> None:
        if data:
            self.chunks.append(data)
            self.size += len(data)

    def recv(self, size: int) -> bytes:
        if not self.chunks:
            return self.more(size) if self.more else b""
        data = self.chunks.popleft()
        if len(data) > size:
            self.chunks.appendleft(data[size:])
            data = data[:size]
        self.size -= len(data)
        return data


class ChunkedEnd:
    """Finds the end of a chunked body (RFC 9112, section 7.1). What is malformed ends it: the parser refuses it."""

    def __init__(self) -> None:
        self.skip, self.line, self.in_trailer = 0, b"", False

    def is_in(self, data: bytes) -> bool:
        """Whether the body ends in these bytes, which follow those of the last call."""
        data, position = self.line + data, 0
        while True:
            skipped = min(self.skip, len(data) - position)
            self.skip, position = self.skip - skipped, position + skipped
            end = data.find(b"\r\n", position)
            if self.skip or end < 0:
                self.line = data[position:]
                return len(self.line) > MAX_LINE
            line, position = data[position:end], end + 2
            if self.in_trailer:
                if not line:
                    return True
                continue
            size_of = CHUNK_SIZE.fullmatch(line)
            if size_of is None:
                return True
            size = int(size_of[1], 16)
            self.in_trailer, self.skip = size == 0, size + 2 if size else 0


class Incoming:
    """A request of which some bytes have arrived.

    `is_ready`: a thread can answer it. `is_large`: the thread has to wait for the rest of the body.
    """

    def __init__(self, config: Config, client: object) -> None:
        self.feed, self.head, self.received = Feed(), bytearray(), 0
        self.parser = RequestParser(config, self.feed, client)  # type: ignore[arg-type]  # all it needs is recv
        self.request: Request | None = None
        self.is_ready = self.is_large = False
        self._missing = 0
        self._chunked: ChunkedEnd | None = None

    def add(self, data: bytes) -> None:
        """Takes what has arrived. Raises what gunicorn's parser raises, for a head that is malformed or too long."""
        self.received += len(data)
        if self.request is not None:
            self.feed.put(data)
            self._look_for_end(data)
            return
        searched = max(len(self.head) - 3, 0)
        self.head += data
        if self.head.find(b"\r\n\r\n", searched) >= 0:
            self._parse_head()
        elif len(self.head) > MAX_HEAD:
            if b"\r\n" not in self.head[:MAX_LINE]:
                raise LimitRequestLine(len(self.head), MAX_LINE)
            raise LimitRequestHeaders(f"The headers have more than {MAX_HEAD} bytes.")

    def rest(self) -> bytes:
        """The bytes after this request. It must have been read to its end."""
        return self.parser.unreader.take_buffered() + b"".join(self.feed.chunks)

    def _parse_head(self) -> None:
        self.feed.put(bytes(self.head))
        self.request = next(self.parser)
        rest = self.parser.unreader.buf.getvalue() + b"".join(self.feed.chunks)
        assert self.request.body is not None
        reader = self.request.body.reader
        if isinstance(reader, LengthReader):
            self._missing = reader.length
        else:
            self._chunked = ChunkedEnd()
        self.received = len(rest)
        self._look_for_end(rest)

    def _look_for_end(self, data: bytes) -> None:
        if self._chunked is None:
            self._missing -= len(data)
            self.is_ready = self._missing <= 0
            self.is_large = not self.is_ready and self._missing + self.received > LARGE
        else:
            self.is_ready = self._chunked.is_in(data)
            self.is_large = not self.is_ready and self.received > LARGE
