"""What pages tell machines about products and their place in the shop: schema.org, as JSON-LD."""

import json
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from flask import url_for

from web.language import gettext
from web.pages import canonical
from web.shop.home import Node


def find_image(product: dict[str, Any]) -> str | None:
    """The address of the first picture for other sites: its largest JPEG, which all of them can show."""
    sources = [each for picture in product["pictures"][:1] for each in picture["sources"]]
    jpegs = [each["url"] for each in sources if each["type"] == "image/jpeg"]
    return canonical(jpegs[-1]) if jpegs else None


def describe_product(product: dict[str, Any], image: str | None, *, is_backordered: bool) -> str:
    """The product and its offer. `is_backordered`: it can be ordered beyond stock."""
    price = product["price"]
    precision = get_currency_precision(price["currency"])
    beyond = "BackOrder" if is_backordered else "OutOfStock"
    stock = "InStock" if product["availability"]["in_stock"] else beyond
    described = {
        "@context": "https://schema.org", "@type": "Product", "name": product["title"], "sku": product["sku"],
        "description": product["description"][:5000], "url": canonical(),
        "offers": {
            "@type": "Offer", "price": str(Decimal(price["amount"]).scaleb(-precision)), "url": canonical(),
            "priceCurrency": price["currency"], "availability": f"https://schema.org/{stock}",
        },
    }  # fmt: skip
    if image:
        described["image"] = image
    if product["author"]:
        described |= {"@type": ["Product", "Book"], "author": {"@type": "Person", "name": product["author"]["name"]}}
    return _within_script(described)


def describe_path(path: list[Node], last: str = "") -> str:
    """Where a page is: the start page, the categories and, if there is one, the product. Empty for no place."""
    if not path:
        return ""
    places = [(gettext("Home"), canonical("/"))]
    places += [(node.name, canonical(url_for("shop.products", category=node.id))) for node in path]
    places += [(last, canonical())] if last else []
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": address}
        for position, (name, address) in enumerate(places, 1)
    ]
    return _within_script({"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": items})


def _within_script(described: dict[str, Any]) -> str:
    """JSON that is safe within a script element."""
    text = json.dumps(described, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
