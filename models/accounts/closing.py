"""The end of an account: the person is forgotten, what was bought stays in the books."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from durable.ids import new_id
from durable.tables import RunRecord
from models import access
from models.accounts.tables import ACCOUNT_STATUS, Address, LoginSession, PasswordReset, Preference
from models.accounts.users import lock
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import AccountClosed

OWNED = (Address, LoginSession, PasswordReset, Preference)


def close(session: Session, user_id: str) -> None:
    """Closes an account and erases who it was: names, e-mail address, password, addresses, sessions, preferences,
    roles and API keys go at once. What other services know of the person is erased by what the event `account.closed`
    starts. User name and e-mail address can be taken by somebody new.

    Raises NotFound, and Conflict: `tasks_under_way` (a checkout that will end in seconds), `last_admin`.
    """
    user = lock(session, user_id)
    # A run that is parked waits for the world, perhaps for weeks, and goes on without who has asked for it.
    own = RunRecord.owner == user_id, RunRecord.finished_at.is_(None), RunRecord.status != "waiting"
    under_way = list(session.scalars(select(RunRecord.id).where(*own)))
    if under_way:
        why = "Something that you have asked for is still under way; close the account when it has ended."
        raise Conflict(why, code="tasks_under_way", tasks=under_way)
    access.remove_user(session, user_id)
    for table in OWNED:
        session.execute(delete(table).where(table.user_id == user_id))
    ACCOUNT_STATUS.move(user, "closed")
    user.password_hash = user.first_name = user.last_name = ""
    user.username = new_id("closed")  # as unique as the one that it was
    user.email = f"{user.username}@closed.invalid"  # RFC 2606: nobody has this address
    event_log.emit(session, AccountClosed(user_id=user_id))
