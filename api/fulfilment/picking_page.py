"""A picking list as an HTML page that can be printed, without scripts or external resources."""

from api.orders.document_page import ENVIRONMENT, STYLE

__all__ = ["page_of_picking_list"]


def page_of_picking_list(warehouse: str, lines: list[dict[str, object]], has_more: bool) -> str:
    """Renders the page, with a box to tick for each line. All values are escaped."""
    return ENVIRONMENT.get_template("picking_list.html").render(
        style=STYLE, warehouse=warehouse, lines=lines, has_more=has_more
    )
