"""Response schema of the checkout view. That of the request is in `serving/checkout.py`."""

from api.http.fields import IdField
from api.tasks.schemas import Accepted


class AcceptedOrder(Accepted):
    order_id = IdField("ord", required=True)
