"""Notifications: what is sent to customers, staff and suppliers, and whether it was delivered."""

from models.notifications import kinds
from models.notifications.composing import (
    compose,
    erase_user,
    get_notification,
    is_composed,
    record_delay,
    record_delivery,
    start_message,
)
from models.notifications.examples import EXAMPLES
from models.notifications.holding import drop, hold, list_held, record_held, why_drop
from models.notifications.kinds import CHANNELS, KINDS, Kind
from models.notifications.language import LANGUAGES, choose_language, find_language
from models.notifications.layout import Mail, dress, layout_style
from models.notifications.log import (
    STATUSES,
    Delivery,
    describe_deliveries,
    find_delivery,
    read_text,
    select_notifications,
)
from models.notifications.overrides import (
    Template,
    change_template,
    get_template,
    list_templates,
    preview,
    reset_template,
)
from models.notifications.suppressions import (
    BOUNCES,
    Bounce,
    is_suppressed,
    lift_suppression,
    record_bounce,
    select_suppressions,
    suppress,
)
from models.notifications.tables import ERASED, Message, Notification, Suppression
from models.notifications.unsubscribing import Choice, read_unsubscribe_token, unsubscribe_url

__all__ = [
    "BOUNCES",
    "CHANNELS",
    "ERASED",
    "EXAMPLES",
    "KINDS",
    "LANGUAGES",
    "STATUSES",
    "Bounce",
    "Choice",
    "Delivery",
    "Kind",
    "Mail",
    "Message",
    "Notification",
    "Suppression",
    "Template",
    "change_template",
    "choose_language",
    "compose",
    "describe_deliveries",
    "dress",
    "drop",
    "erase_user",
    "find_delivery",
    "find_language",
    "get_notification",
    "get_template",
    "hold",
    "is_composed",
    "is_suppressed",
    "kinds",
    "layout_style",
    "lift_suppression",
    "list_held",
    "list_templates",
    "preview",
    "read_text",
    "read_unsubscribe_token",
    "record_bounce",
    "record_delay",
    "record_delivery",
    "record_held",
    "reset_template",
    "select_notifications",
    "select_suppressions",
    "start_message",
    "suppress",
    "unsubscribe_url",
    "why_drop",
]
