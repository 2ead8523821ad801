"""The programme of the day in the life of the demo's shop."""

from demo import messages, pictures
from demo.day import Day, Line
from demo.listener import Listener, check_events
from demo.shopping import LAST_COPY, Customer, Purchase


def run(day: Day, mailbox: str, orders: list[Purchase], goods: dict[str, Line], customers: list[Customer]) -> None:
    """Performs the day, with confirmed orders of different customers."""
    # The last copy stays sold: the stock shown at the end says so.
    firm = [one for one in orders if one.order["status"] == "confirmed" and LAST_COPY not in one.plan.items]
    shipped = next(purchase for purchase in firm if len(purchase.order["lines"]) > 1)
    cancelled = next(purchase for purchase in firm if purchase.customer is not shipped.customer)
    product = goods[shipped.order["lines"][0]["sku"]]
    listener = Listener(day.staff)
    resizing = pictures.upload(day, goods)
    day.confirm_address(customers[0], mailbox)
    day.confirm_payment(customers[0], product, {"method": "pm_card_threeDSecure2Required"}, "the bank's page")
    day.confirm_payment(customers[1], product, {"provider": "paypal"}, "PayPal's page")
    messages.add_phone_and_device(day, mailbox, shipped)
    day.ship_in_two_parcels(shipped)
    messages.check_messages(day, mailbox, shipped)
    day.take_back_one_unit(shipped)
    day.cancel(cancelled)
    day.restock(goods[LAST_COPY], 5)
    day.transfer(goods[LAST_COPY], 2)
    day.count_stock(product)
    day.report()
    pictures.check(day, resizing, goods)
    check_events(day, listener)
    listener.close()
