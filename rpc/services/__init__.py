"""The services. Each function answers one method, as its REST twin does."""

from rpc.service import Service
from rpc.services import (
    authentication,
    authorisation,
    cart,
    catalogue,
    inventory,
    notifications,
    orders,
    payments,
    tasks,
    users,
)

SERVICES: list[Service] = [
    module.service
    for module in (
        authentication, authorisation, users, catalogue, cart, orders, payments, inventory, notifications, tasks,
    )
]  # fmt: skip
