"""Input for runs that are never performed."""

from typing import Any

from durable.ids import new_id
from durable.workflow import workflow_of

VALUES: dict[str, Any] = {
    "quantities": {}, "available": 0, "reorder_point": 0, "slot": "2026-11-21", "touched": "", "device_id": None,
}  # fmt: skip
PREFIXES = {"order_id": "ord", "user_id": "usr", "product_id": "prd", "purchase_order_id": "po", "import_id": "imp",
            "warehouse_id": "wh", "cart_id": "crt", "picture_id": "pic", "transfer_id": "tfr",
            "notification_id": "ntf"}  # fmt: skip


def some_input(workflow: str, **given: Any) -> dict[str, Any]:
    """A valid input for the workflow, with ids of no rows."""
    made = {
        name: new_id(PREFIXES[name]) if name in PREFIXES else VALUES[name] for name in workflow_of(workflow).required
    }
    return {**made, **given}
