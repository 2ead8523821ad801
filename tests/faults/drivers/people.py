"""Starts the workflows of accounts, carts and notifications."""

from datetime import timedelta

from sqlalchemy import func, update
from sqlalchemy.orm import Session

import durable
from models import accounts, carts, notifications, payments
from models.core import event_log
from models.core.database import transaction
from models.core.events import AccountRegistered, SignInChanged, TemplateFailed
from models.notifications import Kind, contexts, kinds
from tests.conftest import ADDRESS
from tests.faults.drivers.registry import drives, find_reaction, numbers
from tests.shopping import make_customer, make_product, place_order


@drives("welcome")
def welcome(refused_at: str | None = None) -> str:
    """A customer registers whose address is known to be right."""
    user_id = make_customer(f"newcomer{next(numbers)}")
    with transaction() as session:
        event_log.emit(session, AccountRegistered(user_id=user_id))
        return find_reaction(session, "welcome")


def _register(name: str) -> str:
    """Registers a customer who has not confirmed the address; returns the id of the run that asks for it."""
    with transaction() as session:
        accounts.register(
            session, username=name, email=f"{name}@example.org", password_hash="none", first_name="New",
            last_name="Comer", address=ADDRESS,
        )  # fmt: skip
        return find_reaction(session, "confirm_address")


@drives("confirm_address")
def confirm_address(refused_at: str | None = None) -> str:
    """A customer registers."""
    return _register(f"unknown{next(numbers)}")


@drives("held_mail")
def held_mail(refused_at: str | None = None) -> str:
    """A customer confirms the address, for which two mails are held."""
    user_id = make_customer(f"confirming{next(numbers)}")
    with transaction() as session:
        user = session.get_one(accounts.User, user_id, with_for_update=True)
        user.email_confirmed_at = None
        for kind in (kinds.WELCOME, kinds.PASSWORD_CHANGED):
            _hold(session, user, kind)
        accounts.mark_confirmed(session, user)
        return find_reaction(session, "held_mail")


def _hold(session: Session, user: accounts.User, kind: Kind[contexts.Account]) -> None:
    context: contexts.Account = {"first_name": user.first_name, "username": user.username}
    made = notifications.compose(
        session, kind, context, key=f"test:{user.id}", channel="email", recipient=user.email, language="en",
        user_id=user.id,
    )  # fmt: skip
    request = {"id": f"<{made.id}@shopflow>", "to": user.email, "subject": made.subject, "text": made.text,
               "kind": kind.name}  # fmt: skip
    notifications.hold(session, made.id, request)


@drives("password_reset")
def password_reset(refused_at: str | None = None) -> str:
    """A customer requests a password reset."""
    user_id, key = make_customer(f"forgetful{next(numbers)}"), f"test-{next(numbers)}"
    with transaction() as session:
        accounts.request_reset(session, key, user_id)
        return find_reaction(session, "password_reset")


@drives("password_changed")
def password_changed(refused_at: str | None = None) -> str:
    """A customer changes the password."""
    user_id = make_customer(f"careful{next(numbers)}")
    with transaction() as session:
        accounts.change_password(session, user_id, "another")
        return find_reaction(session, "password_changed")


@drives("email_changing")
def email_changing(refused_at: str | None = None) -> str:
    """A customer gives another e-mail address; the present one is notified."""
    return _change_address("email_changing")


@drives("confirm_new_email")
def confirm_new_email(refused_at: str | None = None) -> str:
    """A customer gives another e-mail address, which is asked to confirm it."""
    return _change_address("confirm_new_email")


def _change_address(workflow: str) -> str:
    name = f"moving{next(numbers)}"
    user_id = make_customer(name)
    with transaction() as session:
        accounts.request_email_change(session, user_id, f"{name}@example.com")
        return find_reaction(session, workflow)


@drives("new_device")
def new_device(refused_at: str | None = None) -> str:
    """A customer signs in on a telephone for the first time."""
    user_id = make_customer(f"travelling{next(numbers)}")
    with transaction() as session:
        for user_agent in ("curl/8.5", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"):
            accounts.open_session(session, user_id, user_agent, "198.51.100.7")
        return find_reaction(session, "new_device")


@drives("sign_in_changed")
def sign_in_changed(refused_at: str | None = None) -> str:
    """A customer renews the recovery codes."""
    user_id = make_customer(f"renewing{next(numbers)}")
    with transaction() as session:
        event_log.emit(session, SignInChanged(user_id=user_id, change="recovery_codes_renewed"))
        return find_reaction(session, "sign_in_changed")


@drives("erasure")
def erasure(refused_at: str | None = None) -> str:
    """A customer without orders closes the account."""
    user_id = make_customer(f"leaving{next(numbers)}")
    with transaction() as session:
        accounts.close(session, user_id)
        return find_reaction(session, "erasure")


@drives("cart_expiry")
def cart_expiry(refused_at: str | None = None) -> str:
    """One guest cart has expired."""
    with transaction() as session:
        cart_id, _ = carts.open_guest_cart(session)
        _make_idle(session, cart_id, timedelta(days=400))
        slot = f"test-{next(numbers)}"
        return durable.start(session, "cart_expiry", key=slot, input={"slot": slot})


@drives("abandoned_carts")
def abandoned_carts(refused_at: str | None = None) -> str:
    """No cart is abandoned; `cart_reminder` covers the reminders."""
    slot = f"test-{next(numbers)}"
    with transaction() as session:
        return durable.start(session, "abandoned_carts", key=slot, input={"slot": slot})


@drives("cart_reminder")
def cart_reminder(refused_at: str | None = None) -> str:
    """A new customer has abandoned a cart."""
    number = next(numbers)
    left, user_id = make_product(f"LEFT-{number}", 5), make_customer(f"forgetful{number}")
    with transaction() as session:
        carts.add(session, user_id, left, 2)
        cart_id = carts.open_cart(session, user_id)
        _make_idle(session, cart_id, timedelta(days=2))
    with transaction() as session:
        carts.remind(session)
        return find_reaction(session, "cart_reminder")


def _make_idle(session: Session, cart_id: str, since: timedelta) -> None:
    session.execute(update(carts.Cart).where(carts.Cart.id == cart_id).values(updated_at=func.now() - since))


@drives("notification_test")
def notification_test(refused_at: str | None = None) -> str:
    """A member of staff tests a template."""
    user_id, key = make_customer(f"tester{next(numbers)}"), f"test-{next(numbers)}"
    with transaction() as session:
        about = {"user_id": user_id, "kind": "welcome", "language": "de"}
        return durable.start(session, "notification_test", key=key, input=about)


@drives("action_needed")
def action_needed(refused_at: str | None = None) -> str:
    """A customer has cancelled a checkout whose payment waits; nothing is sent."""
    product_id, user_id = make_product(f"CONFIRMED-{next(numbers)}", 1), make_customer(f"confirming{next(numbers)}")
    with transaction() as session:
        order = place_order(session, user_id, {product_id: 1})
        about = {"order_id": order.id, "payment_id": payments.find_first_payment(session, order.id)}
        about["remind_at"] = "2026-11-29T00:00:00+00:00"
        return durable.start(session, "action_needed", key=about["payment_id"], input=about)


@drives("template_failed")
def template_failed(refused_at: str | None = None) -> str:
    """A template that staff have changed fails."""
    with transaction() as session:
        event_log.emit(session, TemplateFailed(template=f"welcome/email/{next(numbers)}", error="line 1: undefined"))
        return find_reaction(session, "template_failed")
