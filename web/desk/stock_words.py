"""The words of stock: what its actions did, its statuses, and what its refusals say."""

from web.language import translatable as _

DONE = {
    "undone": _("The adjustment is undone: its opposite is booked."),
    "backorder": _("The terms are saved. Orders that wait keep their units and their date."),
    "ordered": _("The goods are ordered. The task of the purchase order ends when everything has come."),
    "delivery": _("The delivery is recorded. Its goods are being taken into stock."),
    "order_cancelled": _("What is outstanding is being cancelled. Goods that have come are kept."),
    "discarded": _("What was scanned is discarded. Stock has not changed."),
    "requested_transfer": _("The transfer is under way: the goods leave the first warehouse."),
    "count_opened": _("The stock count is open."),
    "counted": _("What was counted is entered."),
    "count_submitted": _("The counting has ended. The count waits for its approval."),
    "count_approved": _("The count is approved. Its differences are being booked."),
    "count_refused": _("The count is refused. Nothing is booked."),
    "count_cancelled": _("The count is cancelled. Nothing is booked."),
    "warehouse_created": _("The warehouse is created."),
    "warehouse_saved": _("The warehouse is saved."),
    "warehouse_closed": _("The warehouse is closed: it takes in no stock, and its stock is not sold."),
    "warehouse_opened": _("The warehouse is open again."),
    "released": _("The goods are released: they are available again."),
    "shipped": _("The goods have left: they are taken out of stock."),
}
NAMES = {
    "ordered": _("ordered"), "partly_received": _("partly received"), "expired": _("expired"),
    "released": _("released"),
}  # fmt: skip
REFUSALS = {
    "unknown_code": _("No product has this SKU or barcode. Nothing was counted."),
    "not_expected": _("This product is not expected here. Nothing was counted."),
    "ambiguous_barcode": _("Several products have this barcode. Enter the SKU."),
    "more_than_ordered": _("That is more than was ordered and is still outstanding. Nothing was counted."),
    "more_than_sent": _("That is more than was sent. Nothing was counted."),
    "nothing_scanned": _("Nothing was scanned that could be booked or taken back."),
    "not_an_adjustment": _("Only adjustments can be undone."),
    "already_undone": _("This adjustment was undone already."),
    "not_in_count": _("This stock count is of other products. Nothing was counted."),
    "nothing_counted": _("Nothing was counted yet."),
    "count_expired": _("Nothing was counted for too long: this count has expired. Start another one."),
    "count_too_large": _("Those are too many products for one count. Count by category."),
    "other_approver_required": _("Differences of this value are approved by somebody who has not counted them."),
    "default_warehouse": _("The default warehouse cannot be closed."),
}
SCOPES = {"warehouse": _("whole warehouse"), "category": _("category"), "products": _("chosen products")}
"""What a stock count is of."""
