"""Numbers and names of fields that no browser sends: they are refused, and cost nothing."""

from typing import Any

import pytest

from models.core.errors import Invalid
from tests.web.conftest import Browser
from web.desk.payments import minor_units
from web.forms import Form
from web.shop import order_changes


@pytest.mark.parametrize(
    "shown",
    [
        "1e999999",
        "1e999990",
        "-1e999990",
        "NaN",
        "sNaN",
        "Infinity",
        "9" * 5000,
        "1.234",
        "x",
        "1.000",
        "1,000",
        "1e3",
        "12.",
        ".5",
        "\uff11",
        "1_0",
        "+1",
        "1,000.00",
    ],
)
def test_no_amount_of_money_is_computed_before_it_is_judged(app: Any, shown: str) -> None:
    with app.test_request_context(), pytest.raises(Invalid):
        minor_units(shown, "EUR")


def test_amounts_are_read_as_people_write_them() -> None:
    assert [minor_units(shown, "EUR") for shown in ("", "12,50", "12.5", "-3", "0.01")] == [None, 1250, 1250, -300, 1]
    assert [minor_units(shown, "JPY") for shown in ("1250", "-3")] == [1250, -3]


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_field_within_a_field_that_has_a_value_is_left_out(browser: Browser, field: str) -> None:
    for name in (f"{field}.x", f"{field}.x.y", f"{field}..", f"{field}." + "." * 5000):
        form = {"username": "ada", "password": "wrong-password", name: "b"}
        assert browser.send("/sign-in", form, page="/sign-in").status_code == 422, name[:20]


@pytest.mark.parametrize("units", ["1" * 5000, "9" * 8, "0", "-1", "1.5"])
def test_a_number_of_units_of_thousands_of_digits_is_none(app: Any, units: str) -> None:
    form = {f"quantity-prd_{'0' * 32}": units, "reason": "Too long"}
    with app.test_request_context(), pytest.raises(Invalid):
        order_changes._read(Form(form))
