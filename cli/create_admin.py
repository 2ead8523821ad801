"""`shop create-admin`: the first account with which a shop can be run."""

import click

from models import accounts
from models.core.database import transaction
from models.core.errors import ShopError

ADVICE = {
    "not_an_admin": " Take another name; or, if it is theirs whom you mean, say --promote.",
    "email_taken": " Take another address; or, if that account is theirs whom you mean, name it with --promote.",
}


@click.command("create-admin")
@click.option("--username", prompt="User name", help="Asked for if left out.")
@click.option("--email", prompt="E-mail address", help="Asked for if left out.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if left out.")
@click.option("--promote", is_flag=True, help="If there is an account of that name, make it an administrator's.")
def create_admin(username: str, email: str, password: str, promote: bool) -> None:
    """Make sure that there is an administrator of that name, with that e-mail address and password.

    The same call twice is harmless. The account of somebody who is no administrator is left alone; with --promote it
    becomes an administrator's, gets this address and this password, and is signed out everywhere.
    """
    from api.accounts.schemas import Registration  # late: it brings all of Flask along

    given = {"username": username, "email": email, "password": password}
    faults = Registration(only=tuple(given)).validate(given)
    if faults:
        raise click.ClickException("; ".join(f"{name}: {' '.join(said)}" for name, said in faults.items()))
    password_hash = accounts.hash_password(password)
    try:
        with transaction() as session:
            user = accounts.upsert_admin(
                session, username=username, email=email, password_hash=password_hash, promote=promote
            )
    except ShopError as refusal:
        raise click.ClickException(f"{refusal.detail}{ADVICE.get(refusal.code, '')}") from refusal
    click.echo(f"{user.username} <{user.email}> is an administrator ({user.id}).")
