"""The files of a picture: which widths it gets, and their encoding as AVIF, WebP and JPEG."""

from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any, TypedDict

from PIL import Image

from models.pictures.decoding import decode
from settings import settings

FORMATS = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
"""The end of a file's name → its media type; the smallest files first, the one that every browser shows last."""
_ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    # One thread: how many pictures are encoded at a time is for the workers to say.
    "avif": ("AVIF", {"quality": 60, "speed": 7, "max_threads": 1}),
    "webp": ("WEBP", {"quality": 80, "method": 4}),
    "jpg": ("JPEG", {"quality": 82, "progressive": True, "optimize": True}),
}


class File(TypedDict):
    """A stored file. `sha256`: in hexadecimal; `size`: in bytes."""

    sha256: str
    size: int


def widths_of(width: int) -> list[int]:
    """The widths of a picture's files, in pixels, ascending: those of SHOP_PICTURE_WIDTHS that it has, never more.

    The last one is its own, if that is less than the largest of the setting.
    """
    return sorted({min(width, wanted) for wanted in settings.picture_widths})


def render(body: bytes, width: int) -> Iterator[tuple[str, bytes]]:
    """The files of one width, at most that of the picture: name and contents. Raises as `decode`."""
    image = decode(body, fit=width)
    height = max(1, round(image.height * width / image.width))
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    for ending, (encoder, options) in _ENCODERS.items():
        target = BytesIO()
        (_on_white(image) if ending == "jpg" else image).save(target, encoder, **options)
        yield f"{width}.{ending}", target.getvalue()


def describe(contents: bytes) -> File:
    """What is recorded of a file."""
    return {"sha256": sha256(contents).hexdigest(), "size": len(contents)}


def list_sources(picture_id: str, widths: list[int]) -> list[dict[str, object]]:
    """The files of a picture as the API shows them, in the order of a `srcset` of each type."""
    return [
        {"type": media_type, "width": width, "url": f"/v1/pictures/{picture_id}/{width}.{ending}"}
        for ending, media_type in FORMATS.items()
        for width in widths
    ]


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")
