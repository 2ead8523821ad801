"""The schedule of beat, in UTC."""

from durable import Schedule, schedule
from workflows.app import app

SCHEDULES = [
    Schedule("clean_up", "hour", minute=7),
    Schedule("abandoned_carts", "hour", minute=17),
    Schedule("expiring_authorisations", "hour", minute=27),
    Schedule("cart_expiry", "hour", minute=37),
    Schedule("back_in_stock_check", "hour", minute=27),
    Schedule("payment_follow_up", "hour", minute=47),
    # Late enough for all transactions of the previous day to have ended. Missed days are made up.
    Schedule("inventory_report", "day", hour=0, minute=10, make_up=31),
    Schedule("report_subscriptions", "day", hour=0, minute=20, make_up=1),
    Schedule("sales_fold", "hour", minute=57),
    Schedule("picture_sweep", "day", hour=3, minute=20),
    Schedule("reconciliation", "day", hour=2, minute=40, make_up=1),
]

schedule.install(app, SCHEDULES, queue="reports")
