"""Decoding of pictures, and the files that are made of them."""

from typing import Any

import pytest
from PIL import Image

from models import pictures
from settings import settings
from tests.photographs import MAKER, SVG, animated, bomb, encoded, exif_of, opened, photograph, swapped_profile


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_pictures_of_every_accepted_type_are_decoded(kind: str) -> None:
    body = photograph(90, 60, kind)
    head = pictures.read_head(body)
    assert (head.format, head.width, head.height) == (kind, 90, 60)
    assert (pictures.decode(body).size, pictures.decode(body).mode) == ((90, 60), "RGB")


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", SVG, b"GIF89a" + bytes(50), b"%PDF-1.7", b"BM" + bytes(60), animated("GIF"), b"<!DOCTYPE html>",
     b"\xff\xd8"],
)  # fmt: skip
def test_other_types_are_unsupported_whatever_they_contain(body: bytes) -> None:
    for read in (pictures.read_head, pictures.decode):
        with pytest.raises(pictures.UnsupportedPicture):
            read(body)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_animated_pictures_are_refused(kind: str) -> None:
    with pytest.raises(pictures.PictureRefused, match="animated"):
        pictures.read_head(animated(kind))


def test_a_photograph_with_a_second_picture_inside_is_accepted() -> None:
    first, second = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
    decoded = pictures.decode(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert decoded.getpixel((5, 5))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize("size", [(30_000, 30_000), (8000, 8000), (16_383, 16_383)])
def test_bombs_are_refused_by_their_head(size: tuple[int, int]) -> None:
    for read in (pictures.read_head, pictures.decode):
        with pytest.raises(pictures.PictureRefused, match="pixels"):
            read(bomb(*size))


def test_very_long_pictures_are_refused() -> None:
    with pytest.raises(pictures.PictureRefused, match="a side has at most 16383"):
        pictures.read_head(bomb(20_000, 100))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_truncated_files_are_refused_when_they_are_decoded(kind: str) -> None:
    body = photograph(300, 200, kind)
    with pytest.raises(pictures.PictureRefused):
        pictures.decode(body[: len(body) // 2])


def test_a_photograph_is_upright_and_says_nothing_of_its_photographer() -> None:
    sideways = photograph(60, 40, exif=exif_of(6), comment=MAKER, xmp=f"<x>{MAKER}</x>".encode())
    assert MAKER.encode() in sideways
    head = pictures.read_head(sideways)
    assert (head.width, head.height) == (40, 60)
    for _, contents in pictures.render(sideways, 40):
        shown = opened(contents)
        assert shown.size == (40, 60)
        assert not shown.getexif()
        assert MAKER.encode() not in contents
        assert not {"exif", "xmp", "comment", "icc_profile"} & shown.info.keys()
    red, _, blue = pictures.decode(sideways).getpixel((38, 2))  # type: ignore[misc]
    assert blue > red, "what was at the top left is at the top right"


def test_colours_are_converted_from_the_profile() -> None:
    red = Image.new("RGB", (20, 20), (250, 10, 10))
    plain = pictures.decode(encoded(red, "PNG"))
    swapped = pictures.decode(encoded(red, "PNG", icc_profile=swapped_profile()))
    assert plain.getpixel((5, 5)) == (250, 10, 10)
    assert swapped.getpixel((5, 5))[2] > 240  # type: ignore[index]


def test_a_broken_profile_is_ignored() -> None:
    decoded = pictures.decode(encoded(Image.new("RGB", (20, 20), "lime"), "PNG", icc_profile=b"not a profile"))
    assert decoded.getpixel((5, 5)) == (0, 255, 0)


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [("1", "PNG", "RGB"), ("L", "PNG", "RGB"), ("LA", "PNG", "RGBA"), ("P", "PNG", "RGB"), ("RGBA", "PNG", "RGBA"),
     ("I;16", "PNG", "RGB"), ("CMYK", "JPEG", "RGB"), ("L", "JPEG", "RGB"), ("RGBA", "WEBP", "RGB"),
     ("RGBA", "AVIF", "RGB")],
)  # fmt: skip
@pytest.mark.parametrize("profile", [None, swapped_profile()])
def test_every_mode_becomes_rgb(mode: str, kind: str, expected: str, profile: bytes | None) -> None:
    grey = Image.new("L", (20, 20), 128)
    image = Image.new("I;16", (20, 20), 128 * 256) if mode == "I;16" else grey.convert(mode)
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    decoded = pictures.decode(encoded(image, kind, **options))
    assert decoded.mode == expected
    if mode != "1":
        assert abs(decoded.convert("L").getpixel((5, 5)) - 128) < 12  # type: ignore[operator]


def test_what_is_transparent_is_white_in_a_jpeg() -> None:
    body = encoded(Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "PNG")
    files = {name: opened(contents) for name, contents in pictures.render(body, 20)}
    assert files["20.jpg"].getpixel((5, 5)) == (255, 255, 255)
    assert [files[name].convert("RGBA").getpixel((5, 5))[3] for name in ("20.avif", "20.webp")] == [0, 0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1, [1]), (320, [320]), (321, [320, 321]), (1000, [320, 640, 1000]), (1920, [320, 640, 1280, 1920]),
     (6000, [320, 640, 1280, 1920])],
)  # fmt: skip
def test_pictures_are_never_enlarged(width: int, expected: list[int]) -> None:
    assert settings.picture_widths == (320, 640, 1280, 1920)
    assert pictures.widths_of(width) == expected


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (40, 1000), (1000, 40), (1, 1)])
def test_files_have_their_width_and_the_shape_of_the_original(size: tuple[int, int]) -> None:
    width = pictures.widths_of(size[0])[0]
    files = dict(pictures.render(photograph(*size), width))
    assert list(files) == [f"{width}.avif", f"{width}.webp", f"{width}.jpg"]
    formats = {"avif": "AVIF", "webp": "WEBP", "jpg": "JPEG"}
    for name, contents in files.items():
        shown = opened(contents)
        assert shown.format == formats[name.partition(".")[2]]
        assert shown.width == width
        assert abs(shown.height - size[1] * width / size[0]) <= 1


def test_the_same_upload_gives_the_same_files() -> None:
    body = photograph()
    assert dict(pictures.render(body, 320)) == dict(pictures.render(body, 320))
