"""The languages of notifications. A new one is a folder in `templates/`."""

from collections.abc import Sequence
from pathlib import Path

from settings import settings

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES: tuple[str, ...] = tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()))
"""ISO 639-1 codes of the languages that have templates."""
FALLBACK = "en"


def choose_language(wanted: str | None = None) -> str:
    """The language for a recipient who prefers `wanted`: it, or else that of the shop, or else English."""
    return next((one for one in (wanted, settings.language) if one in LANGUAGES), FALLBACK)


def find_language(preferred: Sequence[str]) -> str | None:
    """The first of these language tags (RFC 5646) that has templates, by its language: `de-AT` is `de`."""
    codes = (tag.partition("-")[0].lower() for tag in preferred)
    return next((code for code in codes if code in LANGUAGES), None)
