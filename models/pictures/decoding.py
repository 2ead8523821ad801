"""Decoding: hostile bytes become an image in sRGB, upright and without metadata, or are refused.

The type is decided by the bytes, and only the decoder of that type is asked.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from models.core.errors import ShopError
from settings import settings

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
"""Pillow's name of each format that is accepted → its media type."""
MAX_SIDE = 16383  # pixels; the most that WebP can have
_ORIENTATION = 0x0112  # of EXIF
_SIDEWAYS = (5, 6, 7, 8)
_BROKEN = (
    OSError, EOFError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's decoders raise for broken files; it differs from format to format. Not Exception: a time limit is not
the fault of the file, nor is too little memory."""
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

Image.MAX_IMAGE_PIXELS = settings.picture_pixels
# Between once and twice the limit, Pillow only warns.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class UnsupportedPicture(ShopError):
    """The bytes are not of a format that is accepted."""

    status, code = 415, "unsupported_picture"


class PictureRefused(ShopError):
    """The picture is broken, too large or animated."""

    status, code = 422, "picture_refused"


@dataclass(frozen=True)
class Head:
    """What a file says of itself. `width` and `height`: in pixels, upright."""

    format: str
    width: int
    height: int


def detect(body: bytes) -> str:
    """The format of a file by its first bytes, a key of `TYPES`. Raises UnsupportedPicture."""
    if body.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "WEBP"
    if body[4:8] == b"ftyp" and b"avif" in body[8:64]:
        return "AVIF"
    raise UnsupportedPicture("The file is not a picture of an accepted type: JPEG, PNG, WebP or AVIF.")


def read_head(body: bytes) -> Head:
    """Reads a file's type and size, without decoding its pixels. Raises UnsupportedPicture and PictureRefused."""
    with _opened(body) as image:
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        width, height = reversed(image.size) if sideways else image.size
        return Head(detect(body), width, height)


def decode(body: bytes, fit: int | None = None) -> Image.Image:
    """Decodes a file: an image in mode RGB or RGBA, upright, in sRGB, without metadata.

    `fit`: the width that the caller needs; of a JPEG, only as many details are decoded, which is several times faster.
    Raises UnsupportedPicture and PictureRefused.
    """
    with _opened(body) as image:
        if fit is not None:
            side = 2 * fit * max(1.0, max(image.size) / min(image.size))  # twice, so that the result is as sharp
            image.draft("RGB", (int(side), int(side)))
        image.load()
        profile = image.info.get("icc_profile")
        ImageOps.exif_transpose(image, in_place=True)
        plain = _plain(image)
        shown = _to_srgb(plain, profile)
        if shown is image:  # a file, which knows its metadata
            shown = image.copy()
        shown.info = {}
        return shown


@contextmanager
def _opened(body: bytes) -> Iterator[Image.Image]:
    """The file, opened by the decoder of its type only, if its size is acceptable."""
    kind = detect(body)
    try:
        with Image.open(BytesIO(body), formats=(kind,)) as image:
            _check(image, kind)
            yield image
    except ShopError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except _BROKEN as error:
        raise PictureRefused(f"The file cannot be decoded as {kind}; it may be incomplete.") from error


def _check(image: Image.Image, kind: str) -> None:
    width, height = image.size
    if width * height > settings.picture_pixels:
        raise _too_many_pixels()
    if max(width, height) > MAX_SIDE:
        raise PictureRefused(f"The picture is {width} × {height} pixels; a side has at most {MAX_SIDE}.")
    # A JPEG of several pictures (MPO) is what phones store beside the photograph; the first one is it.
    if kind != "JPEG" and getattr(image, "n_frames", 1) > 1:
        raise PictureRefused("The picture is animated; send a single frame.")


def _too_many_pixels() -> PictureRefused:
    return PictureRefused(f"The picture has more than {settings.picture_pixels} pixels.", limit=settings.picture_pixels)


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that has a colour profile: L, RGB, RGBA or CMYK, with 8 bits a channel."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converted from its colour profile. A profile that is broken or of another mode is ignored, as browsers do."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, given, _SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image if image.mode == mode else image.convert(mode)
