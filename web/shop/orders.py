"""The customer's orders, and the page of one: live while its checkout runs, then with its parcels and returns."""

from collections.abc import Iterator
from hashlib import blake2b

from flask import Response, g, render_template, request, url_for

from api.http import event_stream
from api.http.event_stream import MAX_DURATION, POLL_INTERVAL
from models import orders
from serving.orders import list_orders
from serving.run_waiter import watch
from web import access
from web.blueprint import shop
from web.language import gettext
from web.language import translatable as _
from web.pages import render
from web.shop.order_words import STATES
from web.shop.progress import Progress, read_progress

PAGE = 10  # orders
POLL_LIVE, POLL_LATER = 5, 20
"""Seconds between two looks at an order, besides its stream, and once its checkout has ended."""
DONE = {
    "cancelling": _("We have your cancellation. It takes a moment."),
    "returning": _("We have your request. We write to you as soon as we have looked at it."),
}
"""What a form did → the sentence that says so."""


@shop.get("/account/orders")
@access.signed_in
def orders_page() -> Response:
    """The customer's orders, newest first."""
    place = {"limit": PAGE, "cursor": request.args.get("cursor")}
    found = list_orders(orders.select_own_orders(g.principal), g.principal, place)  # type: ignore[arg-type]
    return render("orders/list.html", orders=found["data"], cursor=found["next_cursor"], headlines=STATES)


@shop.get('/orders/<id("ord"):order_id>')
@access.signed_in
def order(order_id: str) -> Response:
    """The page of an order."""
    return _order(order_id)


@shop.get('/orders/<id("ord"):order_id>/progress')
@access.signed_in
def progress(order_id: str) -> Response:
    """The part of the page that changes; 204 if the browser shows it already (`seen`)."""
    html, digest = _part(read_progress(order_id, g.principal))
    if request.args.get("seen") == digest:
        return Response(status=204)
    return Response(html, content_type="text/html; charset=utf-8")


@shop.get('/orders/<id("ord"):order_id>/events')
@access.signed_in
def order_events(order_id: str) -> Response:
    """Streams that part as server-sent events, whenever it changes, until the checkout has ended."""
    first = read_progress(order_id, g.principal)
    return event_stream.respond(lambda: _events(order_id, first.run_id))


def _order(order_id: str) -> Response:
    shown = read_progress(order_id, g.principal)
    what = request.args.get("done", "")
    is_known = what in DONE and (shown.is_live or what != "cancelling")  # otherwise the headline says it
    done = gettext(DONE[what]) if is_known else ""
    return render("orders/order.html", shown=shown, part=_part(shown)[0], done=done)


def _part(shown: Progress) -> tuple[str, str]:
    """The part of the page that changes, and a digest of it. Unless the order is over, it asks for the next one."""
    html = render_template("orders/progress.html", shown=shown)
    digest = blake2b(html.encode(), digest_size=8).hexdigest()
    if shown.is_over:
        return html, digest
    path = url_for("shop.progress", order_id=shown.order["id"], seen=digest)
    seconds = POLL_LIVE if shown.is_live else POLL_LATER
    return f'{html}<div hx-get="{path}" hx-trigger="every {seconds}s" hx-target="#progress" hidden></div>', digest


def _events(order_id: str, run_id: str) -> Iterator[str]:
    last = ""
    for _tick in watch(run_id, MAX_DURATION, POLL_INTERVAL):
        shown = read_progress(order_id, g.principal)
        html, _digest = _part(shown)
        is_new, last = html != last, html
        lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
        yield f"event: progress\n{lines}\n" if is_new else ""
        if not shown.is_live:
            yield "event: end\ndata: end\n\n"
            return
