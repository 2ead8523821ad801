"""The search box as a combobox, and searches with slips, in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.browser.books import fill_shelves
from tests.web.browser.conftest import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def books(database: None) -> dict[str, str]:
    return fill_shelves()


def active(visitor: Visitor) -> Any:
    """The text of the option that the arrow keys have reached; None if it is the text field itself."""
    return visitor.page.evaluate("""() => {
        const id = document.activeElement.getAttribute("aria-activedescendant");
        return id && document.getElementById(id).querySelector("span").firstChild.textContent.trim();
    }""")


def test_the_keys_of_the_search_box(visit: Visit, books: dict[str, str]) -> None:
    ada = visit()
    ada.open("/")
    box = ada.page.get_by_role("combobox", name="Search products")
    press = ada.page.keyboard.press
    assert box.get_attribute("aria-expanded") == "false"
    ada.search("novels")
    options = ada.page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    options.first.wait_for()
    assert box.get_attribute("aria-expanded") == "true"
    shown = [text.partition("\n")[0] for text in options.all_inner_texts()]
    assert len(shown) == 4
    assert ada.page.get_by_role("status").filter(has_text="4 suggestions. Choose one with the arrow keys.").count() == 1
    ada.check()
    names = []
    for _ in range(5):
        press("ArrowDown")
        names.append(active(ada))
    assert [name and name.partition(" ")[0] for name in names] == [*(text.partition(" ")[0] for text in shown), None]
    press("ArrowUp")
    assert active(ada) == names[3]
    assert ada.page.locator("[aria-selected=true]").inner_text().startswith(names[3])
    ada.check()
    press("Escape")
    assert not options.first.is_visible()
    assert (box.get_attribute("aria-expanded"), box.input_value(), active(ada)) == ("false", "novels", None)
    press("ArrowDown")
    assert options.first.is_visible()
    assert active(ada) == names[0]
    press("Escape")
    press("Escape")
    assert box.input_value() == ""
    ada.search("waldn")
    ada.sees("Did you mean “walden”?")
    ada.check()
    press("ArrowDown")
    press("Enter")
    ada.page.wait_for_url(f"**/products/{books['Walden']}")
    ada.page.get_by_role("combobox", name="Search products").fill("emma")
    press("Enter")
    ada.page.wait_for_url(re.compile(r"/products\?q=emma$"))


def test_suggestions_leave_with_the_focus_and_lead_to_a_product_by_the_mouse(
    visit: Visit, books: dict[str, str]
) -> None:
    ada = visit(width=320, height=700, color_scheme="dark")
    ada.open("/products")
    box = ada.page.get_by_role("combobox", name="Search products")
    ada.search("frank")
    option = ada.page.get_by_role("option").first
    option.wait_for()
    ada.check()
    ada.page.keyboard.press("Tab")
    assert not option.is_visible()
    assert ada.page.locator(":focus").get_attribute("aria-label") == "Search"
    box.focus()
    option.click()
    ada.page.wait_for_url(f"**/products/{books['Frankenstein']}")
    ada.check()


def test_a_search_with_slips_says_what_it_shows(visit: Visit, books: dict[str, str]) -> None:
    for options in ({}, {"java_script_enabled": False}):
        ada = visit(**options)
        ada.page.goto(f"{ada.url}/products")
        ada.page.get_by_label("Search products").fill("frankenstien shelly")
        ada.page.keyboard.press("Enter")
        ada.sees("Nothing for “frankenstien shelly”; showing results for “frankenstein shelley”.")
        assert ada.page.locator(".tile-title").all_inner_texts() == ["Frankenstein"]
        if not options:
            ada.check()
        ada.page.get_by_role("link", name="Search exactly for “frankenstien shelly”").click()
        ada.sees("No product matches.")
