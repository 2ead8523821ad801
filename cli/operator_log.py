"""What operators change with the `shop` command is recorded in the audit log."""

import getpass

import click
from sqlalchemy.orm import Session

from models.core import event_log
from models.core.events import OperatorActed


def record(session: Session, subject: str | None = None) -> None:
    """Records the current command as the event `operator.acted`, in the transaction of its change."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        user = "unknown"
    event_log.emit(session, OperatorActed(subject=subject, command=click.get_current_context().command_path, user=user))
