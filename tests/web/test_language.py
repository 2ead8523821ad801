"""Every text of the pages has a translation."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tests.web.conftest import Browser
from web.language import LANGUAGES

METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
OTHERS = sorted(set(LANGUAGES) - {"en"})


def texts() -> set[str]:
    """Every text in the source; of those with a number, the singular."""
    folder = Path(str(files("web")))
    found = extract_from_dir(folder, METHODS, options_map={}, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def catalogue(language: str) -> Catalog:
    """The translations of all files; a text may be in several."""
    found = Catalog(locale=language)
    for file in files("web").joinpath("translations", language).iterdir():
        with file.open("rb") as source:
            for message in read_po(source, locale=language):
                if message.id:
                    found[message.id] = message
    return found


def of(message: object) -> set[str]:
    return set(re.findall(r"%\(\w+\)\w", str(message)))


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_no_other(language: str) -> None:
    known = {
        message.id if isinstance(message.id, str) else message.id[0] for message in catalogue(language) if message.id
    }
    assert texts() - known == set()
    assert known - texts() == set()


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_values_of_the_text(language: str) -> None:
    for message in catalogue(language):
        if message.id:
            ids = [message.id] if isinstance(message.id, str) else message.id
            strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
            assert all(strings), message.id
            assert len(ids) == len(strings)
            assert of(ids) == of(strings), message.id


def test_german_pages_are_german(browser: Browser) -> None:
    for path in ("/", "/products", "/basket", "/sign-in", "/register", "/nothing", "/categories"):
        page = browser.get(path, headers={"Accept-Language": "de"}).text
        assert '<html lang="de">' in page
        assert "Warenkorb" in page
        assert not re.search(r">\s*(Basket|Sign in|Search|Categories)\s*<", page)
    assert "Vereinigtes Königreich" in browser.get("/register", headers={"Accept-Language": "de"}).text
