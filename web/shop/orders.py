"""The pages of an order: live while its checkout runs, then with its parcels, its invoice and its returns."""

from collections.abc import Iterator
from hashlib import blake2b

from flask import Response, g, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from api.http import event_stream
from api.http.event_stream import MAX_DURATION, POLL_INTERVAL
from durable import Refusal
from models import fulfilment, orders, returns
from models.core.database import transaction
from models.core.errors import Invalid, NotFound
from serving.fields import Line
from serving.labels import file_name, read_label
from serving.orders import list_orders
from serving.run_waiter import watch
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, is_id
from web.language import gettext
from web.pages import render, see
from web.shop.progress import PARCELS, RETURNS, STATES, Progress, read_progress
from web.wording import describe_field

PAGE = 10  # orders
POLL_LIVE, POLL_LATER = 5, 20
"""Seconds between two looks at an order, besides its stream, and once its checkout has ended."""


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
    return _order(order_id, Form())


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


@shop.get('/orders/<id("ord"):order_id>/invoice.pdf')
@access.signed_in
def invoice(order_id: str) -> Response:
    """The invoice of an order as a PDF file."""
    with transaction() as session:
        orders.get_visible_order(session, order_id, g.principal)
        document = orders.describe_invoice(session, order_id)
    headers = {"Content-Disposition": f'attachment; filename="{orders.file_name(document)}"'}
    return Response(orders.pdf_of_document(document), headers=headers, content_type="application/pdf")


@shop.get('/returns/<id("ret"):return_id>/label')
@access.signed_in
def return_label(return_id: str) -> Response:
    """The label for the way back, which mails link, as a PDF file."""
    with transaction() as session:
        made = returns.get_visible_return(session, return_id, g.principal)
    headers = {"Content-Disposition": f'inline; filename="{file_name(made)}"'}
    return Response(read_label(made), headers=headers, content_type="application/pdf")


@shop.post('/orders/<id("ord"):order_id>/cancel')
@takes_form
@access.signed_in
def cancel_order(order_id: str) -> Response:
    """Cancels an order, or its checkout."""
    try:
        with transaction() as session:
            _cancel(session, order_id)
    except Refusal as error:
        form = Form()
        form.refuse(error)
        return _order(order_id, form, 422)
    return see("shop.order", order_id=order_id, cancelling=1)


def _cancel(session: Session, order_id: str) -> None:
    found = orders.get_visible_order(session, order_id, g.principal)
    if found.status == "pending":
        orders.give_up(session, order_id)
        return
    user_id = g.principal.user_id
    fulfilment.cancel_pieces(session, order_id, lines=None, actor=user_id, is_staff=False, reason=None)


@shop.post('/orders/<id("ord"):order_id>/return')
@takes_form
@access.signed_in
def return_order(order_id: str) -> Response:
    """Requests a return of delivered goods: `quantity-<product>` units of each."""
    form = Form({name: value.strip() for name, value in request.form.items()})
    reason = form.values.get("reason", "")
    lines = {
        name.removeprefix("quantity-"): int(value)
        for name, value in form.values.items()
        if is_id("quantity-prd", name) and value.isascii() and value.isdigit() and 0 < int(value[:7]) == int(value)
    }
    try:
        with transaction() as session:
            orders.get_visible_order(session, order_id, g.principal)
            if not _is_reason(reason):
                form.errors["reason"] = describe_field("Missing data for required field.")
                raise Invalid("A return needs a reason.", errors={})
            if not lines:
                raise Invalid(gettext("Choose how many units you send back."))
            returns.request(
                session, order_id, lines, reason=reason, comment=None, actor=g.principal.user_id, is_staff=False
            )
    except NotFound:
        raise
    except Refusal as error:
        form.refuse(error)
        return _order(order_id, form, 422)
    return see("shop.order", order_id=order_id)


def _is_reason(text: str) -> bool:
    try:
        Line(1, 500, links=True).deserialize(text)
    except ValidationError:
        return False
    return True


def _order(order_id: str, form: Form, status: int = 200) -> Response:
    shown = read_progress(order_id, g.principal)
    with transaction() as session:
        returnable = returns.list_returnable(session, order_id) if shown.can_return else {}
    titles = {line["product_id"]: line["title"] for line in shown.order["lines"]}
    return render("orders/order.html", status, shown=shown, part=_part(shown)[0], form=form, titles=titles,
                  returnable=returnable)  # fmt: skip


def _part(shown: Progress) -> tuple[str, str]:
    """The part of the page that changes, and a digest of it. Unless the order is over, it asks for the next one."""
    html = render_template("orders/progress.html", shown=shown, parcels=PARCELS, returns=RETURNS)
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
        html, _ = _part(shown)
        is_new, last = html != last, html
        lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
        yield f"event: progress\n{lines}\n" if is_new else ""
        if not shown.is_live:
            yield "event: end\ndata: end\n\n"
            return
