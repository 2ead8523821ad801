"""The decoder of pictures: any bytes are decoded or refused, and nothing else happens."""

from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import pictures
from tests.photographs import SVG, bomb, exif_of, photograph

# Pillow warns of broken metadata, which is dropped. A picture that is too large is another category, and an error.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
KINDS = ("JPEG", "PNG", "WEBP", "AVIF")


@cache
def valid(kind: str) -> bytes:
    """A small file, with metadata."""
    return photograph(24, 16, kind, exif=exif_of(6))


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A valid file of which bytes were replaced, removed or inserted."""
    body = bytearray(valid(draw(st.sampled_from(KINDS))))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        removed = draw(st.integers(0, 40))
        body[at : at + removed] = draw(st.binary(max_size=40))
    return bytes(body)


STARTS = st.sampled_from([b"", *(valid(kind)[:40] for kind in KINDS), bomb(9, 9)[:33]])
ANY = st.builds(bytes.__add__, STARTS, st.binary(max_size=400))
POLYGLOTS = st.builds(
    lambda first, second, at: first[:at] + second + first[at:],
    st.sampled_from([valid(kind) for kind in KINDS]),
    st.sampled_from([*(valid(kind) for kind in KINDS), SVG, b"PK\x03\x04", b"GIF89a" + bytes(30)]),
    st.integers(0, 200),
)


@given(st.one_of(spoiled(), ANY, POLYGLOTS))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    try:
        head = pictures.read_head(body)
        image = pictures.decode(body)
    except (pictures.UnsupportedPicture, pictures.PictureRefused):
        return
    assert image.mode in ("RGB", "RGBA")
    assert image.info == {}
    assert sorted(image.size) == sorted((head.width, head.height))
    assert len(list(pictures.render(body, pictures.widths_of(image.width)[0]))) == 3


@given(st.sampled_from(KINDS), st.data())
def test_truncated_files_are_decoded_or_refused(kind: str, data: st.DataObject) -> None:
    body = valid(kind)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with suppress(pictures.UnsupportedPicture, pictures.PictureRefused):
        pictures.decode(cut)
