"""Mails to customers about their account and their cart."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from durable import Run
from models import accounts, carts, catalogue, notifications
from models.core.workflow_inputs import (
    CartReminderInput,
    NewDeviceInput,
    ResetInput,
    SignInInput,
    TestInput,
    UserInput,
    WaitingInput,
)
from models.notifications import Kind, contexts, kinds
from settings import settings
from tasks.notifications.sending import TOKEN, Request, compose, compose_mail, key_of, send_token, sends, service


@sends(kinds.CART_REMINDER, queue="mass_mail")
def cart_reminder(session: Session, run: Run[CartReminderInput]) -> Request | None:
    """Reminds a customer of an abandoned cart, unless it was touched since or the customer declines such mails."""
    user = accounts.get(session, run.input["user_id"])
    if not notifications.is_composed(session, kinds.CART_REMINDER, key_of(run)) and not (
        user.status == "active" and carts.is_abandoned(session, run.input["cart_id"], run.input["touched"])
    ):
        return None
    left = [line for line in carts.view(session, user.id).items if line.available]
    context: contexts.CartReminder = {
        "first_name": user.first_name, "lines": [{"quantity": line.quantity, "title": line.name} for line in left],
    }  # fmt: skip
    return compose(session, run, kinds.CART_REMINDER, context, user.email, user.id, user.language)


@sends(kinds.BACK_IN_STOCK, queue="mass_mail")
def back_in_stock(session: Session, run: Run[WaitingInput]) -> Request | None:
    """Informs a customer who has waited for a product that it is available again, if it is still sold."""
    user, product = (
        accounts.get(session, run.input["user_id"]), session.get(catalogue.Product, run.input["product_id"]),
    )  # fmt: skip
    if product is None or product.deleted_at is not None or user.status != "active":
        return None
    context: contexts.BackInStock = {"first_name": user.first_name, "title": product.title, "sku": product.sku}
    return compose(session, run, kinds.BACK_IN_STOCK, context, user.email, user.id, user.language)


@sends(kinds.WELCOME)
def welcome(session: Session, run: Run[UserInput]) -> Request | None:
    """Welcomes a new customer."""
    return _to_user(session, run, kinds.WELCOME, run.input["user_id"])


@sends(kinds.PASSWORD_CHANGED)
def password_changed(session: Session, run: Run[UserInput]) -> Request | None:
    """Informs a user that the password was changed: it may have been somebody else."""
    return _to_user(session, run, kinds.PASSWORD_CHANGED, run.input["user_id"])


@sends(kinds.NEW_DEVICE)
def new_device(session: Session, run: Run[NewDeviceInput]) -> Request | None:
    """Informs a user that somebody has signed in from a device that was not seen before.

    Whoever it was may have ended the session, which is then deleted: the mail is sent nevertheless.
    """
    opened = accounts.find_session(session, run.input["session_id"])
    user = accounts.get(session, run.input["user_id"])
    if user.status != "active":
        return None
    known = {name: getattr(opened, name, None) or "" for name in ("device", "place", "network")}
    context: contexts.NewDevice = {
        "first_name": user.first_name, "username": user.username, "at": datetime.fromisoformat(run.input["at"]),
        "device": known["device"], "place": known["place"], "network": known["network"],
    }  # fmt: skip
    return compose(session, run, kinds.NEW_DEVICE, context, user.email, user.id, user.language)


@sends(kinds.SIGN_IN_CHANGED)
def sign_in_changed(session: Session, run: Run[SignInInput]) -> Request | None:
    """Informs a user that the way in which they sign in has changed: it may have been somebody else."""
    return _to_user(session, run, kinds.SIGN_IN_CHANGED, run.input["user_id"], change=run.input["change"])


@sends(kinds.CONFIRM_ADDRESS, call=send_token)
def confirm_address(session: Session, run: Run[UserInput]) -> Request | None:
    """Sends a user a token that confirms the e-mail address, unless it is confirmed. It is in the mail and nowhere
    else."""
    user = accounts.get(session, run.input["user_id"])
    if user.status != "active" or user.email_confirmed_at is not None:
        return None
    context: contexts.ConfirmAddress = {
        "token": TOKEN, "days": accounts.CONFIRMED_WITHIN.days, "api": settings.api_base, "pages": settings.public_url,
    }  # fmt: skip
    request = compose(session, run, kinds.CONFIRM_ADDRESS, context, user.email, user.id, user.language)
    accounts.save_confirmation_token(session, run.id, user)
    return request and {**request, "run_id": run.id}


@sends(kinds.PASSWORD_RESET, call=send_token)
def password_reset(session: Session, run: Run[ResetInput]) -> Request | None:
    """Sends a user a token for a new password, and a link to the shop's pages if it has any.

    The token is in the mail and nowhere else: neither in the stored notification, nor in the run.
    """
    user_id = run.input["user_id"]
    if user_id is None:  # the request named no account, which its answer does not reveal
        return None
    user = accounts.get(session, user_id)
    if user.status != "active":
        return None
    context: contexts.PasswordReset = {"token": TOKEN, "pages": settings.public_url}
    request = compose(session, run, kinds.PASSWORD_RESET, context, user.email, user.id, user.language)
    if request is None:
        return None
    accounts.save_reset_token(session, run.id, user_id)
    return {**request, "run_id": run.id}


@sends(kinds.CONFIRM_NEW_EMAIL, call=send_token)
def confirm_new_email(session: Session, run: Run[UserInput]) -> Request | None:
    """Sends the new address of a user a token that confirms it, unless another account has it: whoever reads its mail
    has not asked for this. The token is in the mail and nowhere else."""
    user = accounts.get(session, run.input["user_id"])
    address = accounts.find_email_to_confirm(session, user.id, run.id) if user.status == "active" else None
    if address is None:
        return None
    context: contexts.ConfirmNewEmail = {
        "token": TOKEN, "hours": accounts.CHANGE_CONFIRMED_WITHIN // timedelta(hours=1),
        "api": settings.api_base, "pages": settings.public_url,
    }  # fmt: skip
    request = compose(session, run, kinds.CONFIRM_NEW_EMAIL, context, address, user.id, user.language)
    return request and {**request, "run_id": run.id}


@sends(kinds.EMAIL_CHANGING, call=send_token)
def email_changing(session: Session, run: Run[UserInput]) -> Request | None:
    """Notifies the present address of a user that it is about to change, with a token that restores it: it may have
    been somebody else. The token is in the mail and nowhere else."""
    user, change = accounts.get(session, run.input["user_id"]), accounts.find_change(session, run.id)
    if user.status != "active" or change is None:
        return None
    context: contexts.EmailChanging = {
        "first_name": user.first_name, "username": user.username, "token": TOKEN, "pages": settings.public_url,
        "days": accounts.RESTORED_FOR.days,
    }  # fmt: skip
    request = compose(session, run, kinds.EMAIL_CHANGING, context, change.email, user.id, user.language)
    return request and {**request, "run_id": run.id}


def _to_user(session: Session, run: Run, kind: Kind[Any], user_id: str, **context: str) -> Request | None:
    """A mail to an account; None if it is closed, or if its owner declines this kind."""
    user = accounts.get(session, user_id)
    if user.status != "active":
        return None
    account: contexts.Account = {"first_name": user.first_name, "username": user.username}
    return compose(session, run, kind, {**account, **context}, user.email, user.id, user.language)


@sends()
def notification_test(session: Session, run: Run[TestInput]) -> Request:
    """Mails a member of staff a notification with its example, by the template in use."""
    user, language = accounts.get(session, run.input["user_id"]), run.input["language"]
    kind = notifications.KINDS[run.input["kind"]]
    return compose_mail(session, run, kind, notifications.EXAMPLES[kind.name], user.email, user.id, language)


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> dict[str, int]:
    """Erases the notifications of a user whose account is closed."""
    return {"mails": notifications.erase_user(session, run.input["user_id"])}
