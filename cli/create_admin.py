"""`shop create-admin`: creates an administrator account."""

import click

from cli import operator_log
from models import accounts
from models.core.database import transaction
from models.core.errors import ShopError

ADVICE = {
    "not_an_admin": " Choose another name, or add --promote if this is the right account.",
    "email_taken": " Choose another address, or pass the username of that account and --promote.",
}


@click.command("create-admin")
@click.option("--username", prompt="Username", help="Prompted for if omitted.")
@click.option("--email", prompt="E-mail address", help="Prompted for if omitted.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Prompted for if omitted.")
@click.option("--promote", is_flag=True, help="Make an existing account an administrator.")
def create_admin(username: str, email: str, password: str, promote: bool) -> None:
    """Create an administrator, or update the e-mail address and password of an existing one.

    Idempotent. An account that is not an administrator is not changed, unless --promote is given: then it becomes an
    administrator, gets the address and password, and all its sessions end.
    """
    from api.accounts.schemas import Registration  # late: it imports Flask

    given = {"username": username, "email": email, "password": password}
    faults = Registration(only=tuple(given)).validate(given)
    if faults:
        raise click.ClickException("; ".join(f"{name}: {' '.join(said)}" for name, said in faults.items()))
    try:
        accounts.check_password("password", password, username, email)
        password_hash = accounts.hash_password(password)
        with transaction() as session:
            user = accounts.upsert_admin(
                session, username=username, email=email, password_hash=password_hash, promote=promote
            )
            operator_log.record(session, user.id)
    except ShopError as refusal:
        raise click.ClickException(f"{refusal.detail}{ADVICE.get(refusal.code, '')}") from refusal
    click.echo(f"{user.username} <{user.email}> is an administrator ({user.id}).")
