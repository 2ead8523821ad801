"""Pictures for tests: made by Pillow, and spoiled by hand."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
MAKER = "Photographed by Ada"


def photograph(width: int = 900, height: int = 600, kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """A file with a gradient, blue at the top left, yellow at the bottom right."""
    ramp = Image.linear_gradient("L").resize((width, height))
    across = ramp.transpose(Image.Transpose.ROTATE_90).resize((width, height))
    image = Image.merge("RGB", (across, ramp, Image.eval(ramp, lambda value: 255 - value))).convert(mode)
    return encoded(image, kind, **options)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of an image."""
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def opened(body: bytes) -> Image.Image:
    """The image of a file."""
    image: Image.Image = Image.open(BytesIO(body))
    image.load()
    return image


def exif_of(orientation: int = 1) -> Image.Exif:
    """Metadata with a place and a name."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, MAKER
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    return exif


def swapped_profile() -> bytes:
    """The colour profile of sRGB with red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12):
        profile[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(
            bytes(profile[at : at + 4]), profile[at : at + 4]
        )
    return bytes(profile)


def animated(kind: str) -> bytes:
    """Three frames."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large, and whose pixels are zeros."""

    def chunk(name: bytes, contents: bytes) -> bytes:
        return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
