"""A reconciliation as an HTML page, without scripts or external resources."""

from collections.abc import Sequence
from datetime import datetime

from babel.numbers import get_currency_precision
from flask import render_template_string

from design import BASE, policy_for, read_styles
from models import payments
from settings import settings

STYLE = read_styles(*BASE)
POLICY = policy_for(STYLE)
"""The page's Content-Security-Policy: only its own inline style."""

WORDS = {
    "paid_without_order": "paid without an order",
    "order_without_payment": "order without a payment",
    "amount_differs": "amount differs",
    "refund_differs": "refund differs",
    "double_payment": "paid twice",
    "forgotten_authorisation": "forgotten authorisation",
    "lapsed_authorisation": "lapsed authorisation",
}
"""Kind of difference → its name on the page."""

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Reconciliation {{ made.day }} · {{ seller }}</title><style>{{ style|safe }}</style></head>
<body class="alone">
<header class="alone-top"><span class="alone-brand">{{ seller }}</span> <span>Reconciliation</span></header>
<main>
<h1>Reconciliation {{ made.day }}</h1>
<p>Payments created from {{ minute(made.period_start) }} to {{ minute(made.period_end) }}, compared with the payment
providers at {{ minute(made.created_at) }}.</p>
<p><strong class="{{ "good" if made.status == "clean" else "bad" }}">
{%- if made.status == "clean" %}No differences.{% else %}{{ made.counts.differences }} differences,
{{ made.counts.repaired }} of them repaired.{% endif %}</strong>
{{ made.counts.ours }} payments of the shop, {{ made.counts.theirs }} of the providers.</p>
{%- if shown %}
<table><caption>Kinds of differences</caption>
<thead><tr><th scope="col">kind</th><th scope="col" class="n">number</th></tr></thead><tbody>
{%- for kind, word in words.items() if kind in made.counts %}
<tr><td>{{ word }}</td><td class="n">{{ made.counts[kind] }}</td></tr>
{%- endfor %}
</tbody></table>
<table class="stack"><caption>Differences{% if made.counts.differences > shown|length %}, the first {{ shown|length }}
of {{ made.counts.differences }}{% endif %}</caption>
<thead><tr><th scope="col">kind</th><th scope="col">order</th><th scope="col">reference</th>
<th scope="col" class="n">ours</th><th scope="col" class="n">theirs</th>
<th scope="col">repaired</th></tr></thead><tbody>
{%- for one in shown %}
<tr><td data-label="kind">{{ words[one.kind] }}</td><td data-label="order"><code>{{ one.order_id or "—" }}</code></td>
<td data-label="reference"><code>{{ one.reference or "—" }}</code></td>
<td class="n" data-label="ours">{{ money(one.ours, one.ours_currency) }}</td>
<td class="n" data-label="theirs">{{ money(one.theirs, one.theirs_currency) }}</td>
<td data-label="repaired">{{ "yes" if one.repaired else "no" }}</td></tr>
{%- endfor %}
</tbody></table>
{%- endif %}
</main>
</body>
</html>
"""


def render(made: payments.Reconciliation, shown: Sequence[payments.Difference]) -> str:
    """Renders the page with these differences. All values are escaped."""
    return render_template_string(
        PAGE, style=STYLE, made=made, shown=shown, words=WORDS, money=_money, minute=_minute,
        seller=settings.seller_name,
    )  # fmt: skip


def _money(amount: int | None, currency: str | None) -> str:
    if amount is None or currency is None:
        return "—"
    return f"{amount / 10 ** get_currency_precision(currency):.{get_currency_precision(currency)}f} {currency}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
