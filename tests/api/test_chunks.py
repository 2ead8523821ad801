"""Finding the end of a chunked body."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.server.incoming import ChunkedEnd

BODY = b"5;name=value\r\nhello\r\nA\r\n0123\r\n6789\r\n0\r\nTrailer: x\r\n\r\n"


@pytest.mark.timeout(20)
@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"-6\r\n", b"\r\n", b"0\r\n", b"-", b"+4\r\n", b"0x4\r\n"])))
@example([b"-6\r\n"])
def test_any_bytes_are_read_once(pieces: list[bytes]) -> None:
    """A size of -6 moved back to where it stood, forever, and so did the only thread that receives requests."""
    end = ChunkedEnd()
    for piece in pieces:
        if end.is_in(piece):
            break


@pytest.mark.parametrize("size", [b"-6", b"-1", b"+5", b"0x5", b"1_0", b" 5", b"5 ", b"", b"f" * 17, b"\xef\xbc\x95"])
def test_what_is_no_size_ends_the_body(size: bytes) -> None:
    assert ChunkedEnd().is_in(size + b"\r\n")


@given(st.integers(0, len(BODY)), st.integers(0, len(BODY)))
def test_a_body_ends_with_its_last_byte_however_it_is_cut(one: int, other: int) -> None:
    first, second = sorted((one, other))
    end = ChunkedEnd()
    found = [end.is_in(piece) for piece in (BODY[:first], BODY[first:second], BODY[second:-1], BODY[-1:])]
    assert found.index(True) == (3 if max(first, second) < len(BODY) else [first, second].index(len(BODY)))
