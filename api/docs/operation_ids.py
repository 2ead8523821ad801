"""Operation ids: a verb and what it acts on, from method and path. Generators name their functions by them."""

import re
from collections.abc import Mapping
from typing import Any

ACTIONS = frozenset({
    "approve", "cancel", "capture", "confirm", "disable", "preview", "receive", "redeliver", "refuse", "retry",
    "release", "rotate", "ship", "submit", "test", "verify",
})  # fmt: skip
"""Last segments of paths that are verbs: `POST /v1/orders/{order_id}/cancel` is `cancel_order`."""
VERBS = {"get": "get", "post": "create", "put": "replace", "patch": "update", "delete": "delete"}
EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("post", "/v1/auth/register"): "register",
    ("post", "/v1/auth/login"): "log_in",
    ("post", "/v1/auth/refresh"): "refresh_tokens",
    ("post", "/v1/auth/logout"): "log_out",
    ("post", "/v1/auth/reauthenticate"): "reauthenticate",
    ("post", "/v1/auth/introspect"): "introspect_token",
    ("post", "/v1/auth/password"): "change_password",
    ("post", "/v1/auth/password/forgot"): "request_password_reset",
    ("post", "/v1/auth/password/reset"): "reset_password",
    ("post", "/v1/auth/email/restore"): "restore_email",
    ("get", "/v1/auth/email/confirm"): "get_email_confirmation_page",
    ("post", "/v1/auth/email/confirm"): "confirm_email",
    ("post", "/v1/auth/email/confirm/button"): "confirm_email_by_button",
    ("post", "/v1/me/email/confirmation"): "request_email_confirmation",
    ("get", "/v1/auth/oidc"): "list_oidc_providers",
    ("post", "/v1/auth/oidc/{provider}/start"): "start_oidc_sign_in",
    ("post", "/v1/auth/oidc/{provider}/finish"): "finish_oidc_sign_in",
    ("post", "/v1/auth/passkeys"): "sign_in_with_passkey",
    ("post", "/v1/auth/passkeys/options"): "create_sign_in_options",
    ("post", "/v1/auth/second-factor"): "sign_in_with_second_factor",
    ("post", "/v1/authz/check"): "check_permission",
    ("get", "/v1/me"): "get_profile",
    ("patch", "/v1/me"): "update_profile",
    ("delete", "/v1/me"): "close_account",
    ("get", "/v1/me/export"): "export_personal_data",
    ("put", "/v1/me/phone"): "set_my_phone",
    ("post", "/v1/me/passkeys/options"): "create_my_passkey_options",
    ("post", "/v1/me/identities"): "link_my_identity",
    ("delete", "/v1/me/identities/{identity_id}"): "unlink_my_identity",
    ("post", "/v1/me/second-factor/recovery-codes"): "replace_my_recovery_codes",
    ("get", "/v1/permissions"): "list_permissions",
    ("get", "/v1/users/{user_id}/roles"): "list_user_roles",
    ("post", "/v1/users/{user_id}/roles"): "assign_user_role",
    ("delete", "/v1/users/{user_id}/roles/{role}"): "withdraw_user_role",
    ("post", "/v1/catalogue/imports"): "import_catalogue",
    ("get", "/v1/products/{product_id}/pictures"): "list_product_pictures",
    ("get", "/v1/pictures/{picture_id}/{width}.{ending}"): "get_picture_file",
    ("get", "/v1/catalogue/export"): "export_catalogue",
    ("post", "/v1/products/books"): "create_book",
    ("put", "/v1/product-groups/{group_id}/products/{product_id}"): "set_product_in_group",
    ("delete", "/v1/product-groups/{group_id}/products/{product_id}"): "remove_product_from_group",
    ("post", "/v1/cart"): "open_cart",
    ("post", "/v1/cart/items"): "add_cart_item",
    ("delete", "/v1/cart/items"): "empty_cart",
    ("delete", "/v1/cart/items/{product_id}"): "remove_cart_item",
    ("post", "/v1/checkout"): "place_order",
    ("get", "/v1/orders/{order_id}/credit-notes"): "list_order_credit_notes",
    ("get", "/v1/orders/{order_id}/fulfilments"): "list_order_fulfilments",
    ("post", "/v1/orders/{order_id}/allocation"): "replace_order_allocation",
    ("post", "/v1/orders/{order_id}/returns"): "request_return",
    ("post", "/v1/payments/{payment_id}/refunds"): "refund_payment",
    ("get", "/v1/payments/return"): "get_payment_return_page",
    ("post", "/v1/webhooks/payments"): "receive_stripe_webhook",
    ("post", "/v1/webhooks/paypal"): "receive_paypal_webhook",
    ("post", "/v1/webhooks/carrier"): "receive_carrier_webhook",
    ("post", "/v1/webhooks/bounces"): "receive_bounce_report",
    ("get", "/v1/shipping-rates"): "list_shipping_rates",
    ("post", "/v1/fulfilments/{fulfilment_id}/delivered"): "mark_fulfilment_delivered",
    ("post", "/v1/products/{product_id}/back-in-stock"): "subscribe_to_product",
    ("delete", "/v1/products/{product_id}/back-in-stock"): "unsubscribe_from_product",
    ("put", "/v1/products/{product_id}/backorder"): "set_product_backorder",
    ("get", "/v1/stock"): "list_stock_levels",
    ("post", "/v1/stock/adjustments"): "adjust_stock",
    ("put", "/v1/stock/thresholds"): "set_stock_threshold",
    ("post", "/v1/stock-counts/{stock_count_id}/lines"): "enter_stock_count_lines",
    ("post", "/v1/restocks"): "restock",
    ("post", "/v1/warehouses/{warehouse_id}/capacity-check"): "check_warehouse_capacity",
    ("get", "/v1/picking-lists"): "get_picking_list",
    ("get", "/v1/picking-lists.html"): "get_picking_list_html",
    ("get", "/v1/notification-templates"): "list_notification_templates",
    ("delete", "/v1/notification-templates/{kind}/{channel}/{language}"): "reset_notification_template",
    ("post", "/v1/notifications/test"): "send_test_notification",
    ("get", "/v1/unsubscribe"): "get_unsubscribe_page",
    ("post", "/v1/unsubscribe"): "unsubscribe",
    ("get", "/v1/reports/subscriptions"): "list_report_subscriptions",
    ("post", "/v1/reports/inventory"): "create_inventory_report",
    ("post", "/v1/reports/levels"): "create_levels_report",
    ("post", "/v1/reports/valuation"): "create_valuation_report",
    ("post", "/v1/reports/movements"): "create_movements_report",
    ("post", "/v1/reports/cover"): "create_cover_report",
    ("post", "/v1/reports/dead-stock"): "create_dead_stock_report",
    ("post", "/v1/reports/sell-through"): "create_sell_through_report",
    ("post", "/v1/reports/trends"): "create_trends_report",
    ("get", "/v1/tasks/{run_id}/events"): "stream_task_events",
    ("post", "/v1/runs/{run_id}/signals"): "signal_run",
    ("get", "/v1/audit"): "run_audit",
    ("get", "/v1/events/stream"): "stream_events",
    ("post", "/v1/webhooks/deliveries/{delivery_id}/redeliver"): "redeliver_event",
    ("post", "/v1/webhooks/endpoints/{endpoint_id}/redeliver"): "redeliver_events",
    ("post", "/v1/webhooks/endpoints/{endpoint_id}/rotate"): "rotate_webhook_secret",
    ("get", "/"): "get_start_page",
    ("get", "/healthz"): "check_liveness",
    ("get", "/readyz"): "check_readiness",
    ("get", "/openapi.json"): "get_openapi_document",
    ("get", "/asyncapi.json"): "get_asyncapi_document",
    ("get", "/docs"): "get_operation_index",
    ("get", "/docs/{tag}"): "get_api_reference",
    ("get", "/docs/{tag}/openapi.json"): "get_tag_openapi_document",
    ("get", "/docs/errors"): "get_error_reference",
    ("get", "/docs/assets/{name}"): "get_docs_asset",
}  # fmt: skip
"""Operations whose usual name is another than that of the rule."""


def operation_id(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """The id of an operation: its exception, or by the rule."""
    return EXCEPTIONS.get((method, path)) or by_rule(method, path, operation)


def by_rule(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """`list_` if the response is a page, an action of the path, or the verb of the method; then the path's nouns.

    All nouns but the last are singular. The last is plural in a list, and in a path that ends with it, unless it names
    one new resource: `list_order_returns`, `create_address`, `delete_my_sessions`.
    """
    words, one = _words(path)
    if method == "post" and words[-1] in ACTIONS and len(words) > 1:
        return "_".join((words[-1], *map(singular, words[:-1])))
    listed = method == "get" and _is_page(operation)
    last = singular(words[-1]) if (one or method == "post") and not listed else words[-1]
    return "_".join(("list" if listed else VERBS[method], *map(singular, words[:-1]), last))


def _words(path: str) -> tuple[list[str], bool]:
    """The nouns of a path in snake case, and whether the path ends with a parameter."""
    segments = path.removeprefix("/v1").strip("/").split("/")
    *_, last = segments
    extension = re.fullmatch(r"\{\w+\}\.(\w+)", last)
    nouns = [segment for segment in segments if not segment.startswith("{")]
    nouns = ["my" if noun == "me" else re.sub(r"\W", "_", noun) for noun in nouns]
    nouns[-1] = singular(nouns[-1]) if extension else nouns[-1]
    return [*nouns, *([extension[1]] if extension else ())], last.startswith("{")


def _is_page(operation: Mapping[str, Any]) -> bool:
    media = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    return str(media.get("schema", {}).get("$ref", "")).endswith("Page")


def singular(noun: str) -> str:
    """The singular of a regular English noun."""
    for plural, ending in (("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("s", "")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + ending
    return noun
