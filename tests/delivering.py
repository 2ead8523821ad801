"""Events, and deliveries of webhooks that need no relay."""

from typing import Any

from durable.ids import new_id
from models import webhooks
from models.core import event_feed, event_log
from models.core.database import transaction
from models.core.events import OrderConfirmed, OrderCreated
from models.webhooks import Known


def tell(number: int = 1) -> list[event_feed.PublicEvent]:
    """Emits events and places them."""
    with transaction() as session:
        for _ in range(number):
            event_log.emit(session, OrderCreated(order_id=new_id("ord"), user_id=new_id("usr")))
        event_log.emit(session, OrderConfirmed(order_id=new_id("ord"), user_id=new_id("usr")))
    with transaction() as session:
        event_feed.place_events(session)
        return event_feed.read_after(session, 0, until=event_feed.last_position(session))


def delivered(endpoint_id: str, **values: Any) -> str:
    """Records a delivery of the first event. Returns its id."""
    event = tell()[0]
    known = Known(endpoint_id, event.id, event.position, event.type, **{"attempts": 1, "due": None, **values})
    with transaction() as session:
        webhooks.record(session, [known], [(endpoint_id, event.position)], [], [], [])
        return session.scalars(webhooks.list_deliveries(endpoint_id)).one().id
