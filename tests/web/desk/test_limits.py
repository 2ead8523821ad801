"""What the desk asks of other services is limited, as it is by the API."""

import pytest

from serving import limits
from settings import settings
from tests.web.desk.selling import Bought, Desk


def test_prices_of_carriers_and_tests_of_templates_are_limited(
    desk: Desk, sale: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"limit_shipping_rates": "1/1 hour", "limit_test_messages": "1/1 hour"}
    monkeypatch.setattr(limits, "settings", settings.model_copy(update=few))
    pages = [desk.get(f"{sale.path}?rates=1") for _ in range(2)]
    assert ["try again in" in page.text for page in pages] == [False, True]
    assert [page.status_code for page in pages] == [200, 200]
    template = "/desk/templates/welcome/email/en"
    sent = [desk.fill(template, f"{template}/test") for _ in range(2)]
    assert [answer.status_code for answer in sent] == [303, 429]
    assert "Retry-After" in sent[1].headers
