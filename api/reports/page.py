"""A report as an HTML page: tables and bar charts, without scripts or external resources."""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256

from flask import render_template_string

from models import reports

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 60rem;
  padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #d5dae1; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { display: block; margin: .5rem 0 1.5rem; max-width: 100%; }
svg text { font: 13px system-ui, sans-serif; fill: #1c2430; }
.on_hand { fill: #2f6f9f; } .low { fill: #a8442a; } .came { fill: #2e7d4f; } .went { fill: #8a6d1f; }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy: only its own inline style."""

ROW, LABEL, BAR = 24, 240, 480  # pixels: height of a bar, width of its label, width of the longest bar

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inventory report {{ slot }}</title><style>{{ style|safe }}</style></head>
<body>
{%- macro bars(title, name, rows) %}
{%- if rows %}
<svg role="img" aria-label="{{ title }}" width="{{ label + bar + 120 }}" height="{{ (rows|length + 1) * row }}">
<text x="0" y="16" font-weight="600">{{ title }}</text>
{%- for text, value, width in rows %}
<text x="0" y="{{ loop.index * row + 16 }}">{{ text|truncate(34, true, '…') }}</text>
<rect class="{{ name }}" x="{{ label }}" y="{{ loop.index * row + 4 }}" width="{{ width }}" height="{{ row - 8 }}"/>
<text x="{{ label + width + 8 }}" y="{{ loop.index * row + 16 }}">{{ value }}</text>
{%- endfor %}
</svg>
{%- endif %}
{%- endmacro %}
{%- macro figures(title, rows) %}
<table><caption>{{ title }}</caption>
<tr><th></th><th class="n">on hand</th><th class="n">reserved</th><th class="n">available</th>
<th class="n">added</th><th class="n">removed</th><th class="n">low</th></tr>
{%- for name, row in rows %}
<tr><td>{{ name }}</td>{% for figure in columns %}<td class="n">{{ row[figure] }}</td>{% endfor %}</tr>
{%- endfor %}
</table>
{%- endmacro %}
<h1>Inventory report {{ slot }}</h1>
<p>Movements from {{ start }} to {{ end }}. Stock levels as of {{ written }}.</p>
{{ figures("All warehouses", [("total", totals)] + overview) }}
{{ bars("Units on hand", "on_hand", charts.on_hand) }}
{{ bars("Units added", "came", charts.came) }}
{{ bars("Units removed", "went", charts.went) }}
{{ bars("Products low on stock", "low", charts.low) }}
{%- for warehouse in warehouses %}
<h2>{{ warehouse.name }}{% if warehouse.status == "closed" %} (closed){% endif %}</h2>
{{ figures("Kinds", warehouse.kinds.items()) }}
{%- if warehouse.movements %}
<table><caption>Movements by reason</caption>
<tr><th>reason</th><th class="n">movements</th><th class="n">added</th><th class="n">removed</th></tr>
{%- for moved in warehouse.movements %}
<tr><td>{{ moved.reason }}</td><td class="n">{{ moved.movements }}</td><td class="n">{{ moved.came }}</td>
<td class="n">{{ moved.went }}</td></tr>
{%- endfor %}
</table>
{%- endif %}
{%- if warehouse.low %}
<table><caption>Low stock{% if warehouse.totals.low > warehouse.low|length %}, the {{ warehouse.low|length }}
most urgent of {{ warehouse.totals.low }}{% endif %}</caption>
<tr><th>SKU</th><th>title</th><th class="n">available</th><th class="n">reorder point</th></tr>
{%- for line in warehouse.low %}
<tr><td>{{ line.sku }}</td><td>{{ line.title }}</td><td class="n">{{ line.available }}</td>
<td class="n">{{ line.reorder_point }}</td></tr>
{%- endfor %}
</table>
{%- endif %}
{%- endfor %}
</body>
</html>
"""


def page_of_report(report: reports.Report) -> str:
    """Renders the page. All values are escaped."""
    warehouses = report.body["warehouses"]
    return render_template_string(
        PAGE, style=STYLE, slot=report.slot, totals=report.totals, warehouses=warehouses, columns=reports.FIGURES,
        overview=[(warehouse["name"], warehouse["totals"]) for warehouse in warehouses],
        charts={figure: _bars(warehouses, figure) for figure in ("on_hand", "came", "went", "low")},
        start=_minute(report.period_start), end=_minute(report.period_end), written=_minute(report.created_at),
        row=ROW, label=LABEL, bar=BAR,
    )  # fmt: skip


def _bars(warehouses: list[reports.WarehousePart], figure: str) -> list[tuple[str, int, int]]:
    """Warehouse, value and bar width in pixels; empty if all values are zero."""
    values = [(warehouse["name"], warehouse["totals"][figure]) for warehouse in warehouses]
    longest = max((value for _, value in values), default=0)
    return [(name, value, round(BAR * value / longest)) for name, value in values] if longest else []


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
