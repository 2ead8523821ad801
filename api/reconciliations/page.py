"""A reconciliation as an HTML page, without scripts or external resources."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from flask import render_template_string

from models import payments

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 70rem;
  padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #d5dae1; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.id { font: 13px/1.7 ui-monospace, monospace; overflow-wrap: anywhere; }
.clean { color: #2e7d4f; } .differences { color: #a8442a; }
@media (max-width: 60rem) {
  .wide thead { display: none; }
  .wide tr { display: block; padding: .5rem 0; border-bottom: 1px solid #d5dae1; }
  .wide td, .wide td.n { display: grid; grid-template-columns: 7rem 1fr; border: 0; padding: 0; text-align: left; }
  .wide td::before { content: attr(data-name); color: #5a6472; font: 15px/1.5 system-ui, sans-serif; }
}
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
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
<title>Reconciliation {{ made.day }}</title><style>{{ style|safe }}</style></head>
<body>
<h1>Reconciliation {{ made.day }}</h1>
<p>Payments created from {{ minute(made.period_start) }} to {{ minute(made.period_end) }}, compared with the payment
providers at {{ minute(made.created_at) }}.</p>
<p><strong class="{{ made.status }}">
{%- if made.status == "clean" %}No differences.{% else %}{{ made.counts.differences }} differences,
{{ made.counts.repaired }} of them repaired.{% endif %}</strong>
{{ made.counts.ours }} payments of the shop, {{ made.counts.theirs }} of the providers.</p>
{%- if shown %}
<table><caption>Kinds of differences</caption>
<thead><tr><th>kind</th><th class="n">number</th></tr></thead><tbody>
{%- for kind, word in words.items() if kind in made.counts %}
<tr><td>{{ word }}</td><td class="n">{{ made.counts[kind] }}</td></tr>
{%- endfor %}
</tbody></table>
<table class="wide"><caption>Differences{% if made.counts.differences > shown|length %}, the first {{ shown|length }}
of {{ made.counts.differences }}{% endif %}</caption>
<thead><tr><th>kind</th><th>order</th><th>reference</th><th class="n">ours</th><th class="n">theirs</th>
<th>repaired</th></tr></thead><tbody>
{%- for one in shown %}
<tr><td data-name="kind">{{ words[one.kind] }}</td><td class="id" data-name="order">{{ one.order_id or "—" }}</td>
<td class="id" data-name="reference">{{ one.reference or "—" }}</td>
<td class="n" data-name="ours">{{ money(one.ours, one.ours_currency) }}</td>
<td class="n" data-name="theirs">{{ money(one.theirs, one.theirs_currency) }}</td>
<td data-name="repaired">{{ "yes" if one.repaired else "no" }}</td></tr>
{%- endfor %}
</tbody></table>
{%- endif %}
</body>
</html>
"""


def render(made: payments.Reconciliation, shown: Sequence[payments.Difference]) -> str:
    """Renders the page with these differences. All values are escaped."""
    return render_template_string(PAGE, style=STYLE, made=made, shown=shown, words=WORDS, money=_money, minute=_minute)


def _money(amount: int | None, currency: str | None) -> str:
    return "—" if amount is None else f"{amount / 100:.2f} {currency}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
