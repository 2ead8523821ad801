"""Looking at every page: in which windows, where pictures of it are put, and what is wrong with it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.web.browser.conftest import Visitor
from tests.web.browser.signing_in import enter

FOLDER = os.environ.get("SCREENSHOTS", "")
"""The folder for pictures; empty: none are taken."""
WIDTHS = (320, 800, 1400)
LOOKS = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")] + [(2000, "light")]
"""Width and colour scheme. Without pictures, only the narrow and the wide one: each scheme once."""
if not FOLDER:
    LOOKS = [(320, "light"), (1400, "dark")]
MISSING = ("not-found", "pictures")
"""Pages of which Chromium reports a 404: there is none, or the server alone does not have the files of its pictures."""

OPEN = """most => [...document.querySelectorAll("main details")].slice(0, most ?? Infinity).forEach(
    part => { part.open = true }
)"""


def windows(visit: Callable[..., Visitor], like: Visitor) -> Iterator[tuple[Visitor, str]]:
    """A window of each look, signed in as another one is, and the name of the look."""
    cookies = like.page.context.cookies()
    for width, scheme in LOOKS:
        window = visit(width=width, color_scheme=scheme)
        window.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        yield window, f"{width}-{scheme}"


def take(window: Visitor, folder: str, name: str, path: str) -> None:
    """Opens a page, and takes a picture of it if pictures are wanted."""
    window.page.goto(f"{window.url}{path}")
    if FOLDER:
        window.page.screenshot(path=Path(FOLDER) / folder / f"{name}.png", full_page=True)


def find_faults(
    pages: dict[str, str], visit: Callable[..., Visitor], prefix: str = "", most: int | None = None
) -> list[tuple[object, ...]]:
    """Visits pages of the desk in each window, and returns what axe and the browser report.

    `prefix`: of the names of pictures. `most`: how many parts of a page are opened, by default all.
    """
    faults: list[tuple[object, ...]] = []
    for window, look in windows(visit, enter(visit())):
        for name, path in pages.items():
            take(window, f"desk-{look}", f"{prefix}{name}", path)
            window.page.evaluate(OPEN, most)
            if name in MISSING:
                window.reported = [one for one in window.reported if "404" not in one]
            try:
                window.check()
            except AssertionError as error:
                faults.append((look, name, str(error)[:1500]))
                window.reported = []
    return faults
