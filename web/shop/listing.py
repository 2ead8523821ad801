"""Lists of products, as templates show them."""

import json
from collections.abc import Mapping
from typing import Any

from serving.catalogue import parse_query, read_page


def read_products(wanted: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """The products for the parameters of `GET /v1/products`, and the cursor of the next page.

    Raises Invalid for a cursor of another list.
    """
    page = read_page(parse_query({"cursor": None, **wanted}))
    return [json.loads(product) for product in page.products], page.next_cursor
