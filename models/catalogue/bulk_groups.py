"""Product groups of imported rows: found or created by their handle, a batch at a time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.group_input import Grouping, add_values, choose, folded
from models.catalogue.groups import GroupFull, OptionsInUse, options_taken, touch_members
from models.catalogue.tables import Product, ProductGroup
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import ProductChanged
from settings import settings

_PUT = """
    UPDATE catalogue.product SET group_id = given.group_id, updated_at = now(),
        option_values = ARRAY(
            SELECT value FROM jsonb_array_elements_text(given.values) WITH ORDINALITY ORDER BY ordinality
        )
    FROM unnest(%(ids)s::uuid[], %(groups)s::uuid[], %(values)s::jsonb[]) AS given (id, group_id, values)
    WHERE product.id = given.id RETURNING product.id, product.sku
"""


def find_or_create_groups(session: Session, groupings: Iterable[Grouping]) -> dict[str, ProductGroup]:
    """Handle → group, locked; missing groups are created. At most three statements.

    To be called before products are locked, as everywhere. Groups are locked in the order of their handles, so that
    concurrent imports cannot deadlock.
    """
    first = {grouping.handle: grouping for grouping in groupings}
    if not first:
        return {}
    query = select(ProductGroup).where(ProductGroup.handle.in_(first)).order_by(ProductGroup.handle)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalars(query).all()
    if len(found) < len(first):
        rows = [
            {"id": new_id("grp"), "handle": handle, "title": grouping.title, "options": _without_values(grouping)}
            for handle, grouping in sorted(first.items())
        ]
        session.execute(insert(ProductGroup).values(rows).on_conflict_do_nothing(index_elements=["handle"]))
        found = session.scalars(query).all()
    return {group.handle: group for group in found}


Place = tuple[str, list[str]]
"""A group's id, and a value of each of its options."""


@dataclass(frozen=True)
class Places:
    """SKU → the place that its product is to have, or why it cannot have one."""

    given: dict[str, Place]
    refused: dict[str, Conflict]


def find_places(session: Session, groups: Mapping[str, ProductGroup], wanted: Mapping[str, Grouping]) -> Places:
    """Finds places in locked groups for products, given by SKU. A product of another group is moved.

    Adds new values to the groups' options. One statement. Refusals: `options_taken`, `options_in_use` if the group has
    other options, `group_full`, `too_many_option_values`.
    """
    places = Places({}, {})
    if not wanted:
        return places
    members: dict[str, dict[tuple[str, ...], str]] = {group.id: {} for group in groups.values()}
    staying = select(Product.group_id, Product.option_values, Product.sku)
    staying = staying.where(Product.group_id.in_(members), Product.sku.not_in(wanted))
    for group_id, values, sku in session.execute(staying):
        members[group_id or ""][tuple(values or ())] = sku
    for sku, grouping in wanted.items():
        group = groups[grouping.handle]
        try:
            values = _place(session, group, grouping, members[group.id])
        except Conflict as refusal:
            places.refused[sku] = refusal
            continue
        members[group.id][tuple(values)] = sku
        places.given[sku] = group.id, values
    session.flush()
    return places


def _place(
    session: Session, group: ProductGroup, grouping: Grouping, members: Mapping[tuple[str, ...], str]
) -> list[str]:
    """The values of a product in a group, which gets the title and the options of the file."""
    options = group.options
    if [folded(option["name"]) for option in options] != [folded(name) for name in grouping.options]:
        if members:
            names = ", ".join(option["name"] for option in options)
            raise OptionsInUse(f"The product group {group.handle} has products with the options {names}.")
        options = _without_values(grouping)
    values = choose(options, grouping.options)
    if tuple(values) in members:
        raise options_taken(values)
    if len(members) >= settings.group_products:
        detail = f"A product group has at most {settings.group_products} products."
        raise GroupFull(detail, limit=settings.group_products)
    added = add_values(options, [values])
    if added != group.options:
        group.options = added
    if group.title != grouping.title:
        group.title = grouping.title
        touch_members(session, group.id)
    return values


def put_into_places(
    session: Session, places: Mapping[str, tuple[str, list[str]]], announced: Iterable[str]
) -> set[str]:
    """Puts products into groups: product id → its place. Idempotent; at most four statements.

    Returns the ids of products that were changed; emits `product.changed` for those not yet `announced`.
    Raises Conflict `options_taken`; the statement has failed then.
    """
    if not places:
        return set()
    before = select(Product.id, Product.group_id, Product.option_values).where(Product.id.in_(places))
    had = {product_id: (group_id, values) for product_id, group_id, values in session.execute(before)}
    changed = {product_id: place for product_id, place in places.items() if had[product_id] != place}
    if not changed:
        return set()
    moved = [product_id for product_id in changed if had[product_id][0] is not None]
    if moved:  # out of their places first: two of them may swap
        session.execute(update(Product).where(Product.id.in_(moved)).values(group_id=None, option_values=None))
    values = {
        "ids": [UUID(product_id[4:]) for product_id in changed],
        "groups": [UUID(group_id[4:]) for group_id, _ in changed.values()],
        "values": [json.dumps(values) for _, values in changed.values()],
    }
    try:
        rows = session.connection().exec_driver_sql(_PUT, values).all()
    except IntegrityError as error:  # a product that was to leave its place could not
        if "uq_product_options" not in str(error.orig):
            raise
        raise options_taken(next(iter(changed.values()))[1]) from error
    touched = {group_id for group_id, _ in changed.values()}
    session.execute(update(ProductGroup).where(ProductGroup.id.in_(touched)).values(updated_at=func.clock_timestamp()))
    known = set(announced)
    event_log.emit_all(session, [
        ProductChanged(product_id=f"prd_{row.id.hex}", sku=row.sku, change="updated")
        for row in rows if f"prd_{row.id.hex}" not in known
    ])  # fmt: skip
    return set(changed)


def _without_values(grouping: Grouping) -> list[dict[str, object]]:
    return [{"name": name, "values": []} for name in grouping.options]
