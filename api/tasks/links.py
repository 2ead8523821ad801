"""Links from a task to its resource."""

from flask import url_for

from durable.tables import RunRow


def links_of(run: RunRow) -> dict[str, str]:
    """The URLs of a run's task and of its resource, such as an order, a transfer or a report."""
    found = {"task": url_for("tasks.TaskView", run_id=run.id)}
    if "order_id" in run.input:
        found["order"] = url_for("orders.OrderView", order_id=run.input["order_id"])
    if "transaction_id" in run.input:
        found["payment"] = url_for("payments.PaymentView", payment_id=run.input["payment_id"])
    if "parcel_id" in run.input:
        found["fulfilment"] = url_for("fulfilment.FulfilmentView", fulfilment_id=run.input["parcel_id"])
    if "return_id" in run.input:
        found["return"] = url_for("returns.ReturnView", return_id=run.input["return_id"])
    if "purchase_order_id" in run.input:
        order_id = run.input["purchase_order_id"]
        found["purchase_order"] = url_for("inventory.PurchaseOrderView", purchase_order_id=order_id)
    if "transfer_id" in run.input:
        found["transfer"] = url_for("inventory.TransferView", transfer_id=run.input["transfer_id"])
    if "stock_count_id" in run.input:
        found["stock_count"] = url_for("inventory.StockCountView", stock_count_id=run.input["stock_count_id"])
    if "reservation_id" in run.input:
        found["reservation"] = url_for("inventory.ReservationView", reservation_id=run.input["reservation_id"])
    if "import_id" in run.input:
        found["import"] = url_for("catalogue.ImportView", import_id=run.input["import_id"])
    if "picture_id" in run.input:
        found["picture"] = url_for("pictures.PictureView", picture_id=run.input["picture_id"])
    if run.result and "report_id" in run.result:
        found["report"] = url_for("reports.ReportView", report_id=run.result["report_id"])
    return found
