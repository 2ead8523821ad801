"""`shop users`: what an operator does for users who cannot sign in."""

import click

from cli import operator_log
from models import access, accounts
from models.core.database import transaction
from models.core.errors import ShopError


@click.group()
def users() -> None:
    """Help users who cannot sign in."""


@users.command("reset-second-factor")
@click.argument("name")
def reset_second_factor(name: str) -> None:
    """Remove the authenticator app of a user who has lost it. NAME is a username or an e-mail address.

    All sessions of the user end, and the user is notified by mail. Check first that it is really them who ask.
    """
    import workflows  # noqa: F401, late: it imports Celery; the mail is a workflow

    try:
        with transaction() as session:
            user_id = accounts.find_credentials(session, name).user_id
            if user_id is None:
                raise click.ClickException(f"No such user: {name}.")
            accounts.reset_second_factor(session, user_id, frozenset(access.PERMISSIONS))
            operator_log.record(session, user_id)
    except ShopError as refusal:
        raise click.ClickException(refusal.detail) from refusal
    click.echo(f"{name} can sign in with the password alone ({user_id}).")
