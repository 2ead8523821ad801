"""Pictures for the demo: a drawn cover for each of some books."""

import math
import random
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 900, 1200
PALETTES = (
    ("#f4e3c1", "#d9763d", "#8c3b2a", "#2d2a32"),
    ("#dbe7e4", "#7fb3a8", "#2f6f6b", "#123a3f"),
    ("#f6ead7", "#e6b655", "#4c7a9c", "#23395b"),
    ("#efe0e6", "#c97b93", "#7b3f61", "#3a1f3d"),
    ("#e9efd9", "#a3b86c", "#5c7f3b", "#26402b"),
    ("#e4e6f1", "#98a4d6", "#5059a3", "#262a56"),
)
"""Paper, light, middle and dark."""


def draw(title: str, author: str) -> bytes:
    """Draws a cover, the same for the same title: hills or circles below the title. Returns a JPEG."""
    chance = random.Random(title)  # noqa: S311, not for security
    paper, *inks = chance.choice(PALETTES)
    cover = Image.new("RGB", (WIDTH, HEIGHT), paper)
    pen = ImageDraw.Draw(cover)
    chance.choice((_hills, _circles))(pen, chance, inks)
    bottom = _write(pen, title, 76, 90, inks[-1])
    pen.rectangle((80, bottom + 24, 200, bottom + 30), fill=inks[-1])
    _write(pen, author, 40, HEIGHT - 110, paper)
    made = BytesIO()
    cover.save(made, "JPEG", quality=90)
    return made.getvalue()


def _hills(pen: ImageDraw.ImageDraw, chance: random.Random, inks: list[str]) -> None:
    x, radius = chance.randint(220, 680), chance.randint(90, 160)
    pen.ellipse((x - radius, 520 - radius, x + radius, 520 + radius), fill=inks[0])
    for depth, ink in enumerate(inks):
        top, wave, phase = 640 + 180 * depth, chance.uniform(180, 320), chance.uniform(0, 6)
        line = [(x, top + 70 * math.sin(x / wave + phase) + 25 * math.sin(x / 90 + phase)) for x in range(0, 901, 10)]
        pen.polygon([(0, HEIGHT), *line, (WIDTH, HEIGHT)], fill=ink)


def _circles(pen: ImageDraw.ImageDraw, chance: random.Random, inks: list[str]) -> None:
    x, y = chance.randint(250, 650), chance.randint(740, 820)
    for number, radius in enumerate(range(380, 60, -64)):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=inks[number % 3])
    pen.rectangle((0, HEIGHT - 170, WIDTH, HEIGHT), fill=inks[-1])


def _write(pen: ImageDraw.ImageDraw, text: str, size: int, top: int, ink: str) -> float:
    """Writes text, as wide as the cover, smaller if it needs more than four lines. Returns where it ends."""
    font = ImageFont.load_default(size)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font) <= WIDTH - 160 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > 4:
        return _write(pen, text, size - 8, top, ink)
    pen.multiline_text((80, top), "\n".join(lines), ink, font, spacing=size // 5)
    return float(top + len(lines) * size * 1.2)
