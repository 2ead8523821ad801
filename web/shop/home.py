"""The start page, and the tree of categories."""

from collections import defaultdict
from dataclasses import dataclass, field

from flask import Response

from api.http.auth import admit
from models import catalogue
from models.core.database import single_statements
from web import access
from web.blueprint import shop
from web.pages import canonical, render
from web.shop.listing import read_products

NEWEST = 12  # products on the start page


@dataclass
class Node:
    """A category and those below it."""

    id: str
    name: str
    below: list["Node"] = field(default_factory=list)


def home() -> Response:
    """The start page. `/` leads here if the client prefers HTML (web/app.py)."""
    if access.find_principal() is not None:
        admit(access.require)
    newest, _ = read_products({"limit": NEWEST, "group": True, "in_stock": True})
    return render("shop/home.html", products=newest, tree=read_tree(), canonical=canonical("/"))


@shop.get("/home")
@access.everybody
def start() -> Response:
    """The start page at an address of its own, for clients that do not say what they prefer."""
    return home()


@shop.get("/categories")
@access.everybody
def categories() -> Response:
    """The tree of categories."""
    return render("shop/categories.html", tree=read_tree())


def read_tree() -> list[Node]:
    """The tree of categories, each level by name."""
    query = catalogue.select_categories().with_only_columns(
        catalogue.Category.id, catalogue.Category.name, catalogue.Category.parent_id
    )
    with single_statements() as connection:
        rows = connection.execute(query.order_by(catalogue.Category.name)).all()
    children: defaultdict[str | None, list[Node]] = defaultdict(list)
    for row in rows:
        children[row.parent_id].append(Node(row.id, row.name))
    for nodes in list(children.values()):
        for node in nodes:
            node.below = children.get(node.id, [])
    return children[None]
