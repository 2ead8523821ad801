"""Views of lists: filters that a user has saved under a name, to open a list with them again."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from durable.ids import Id, new_id
from models.accounts.tables import User
from models.accounts.users import lock
from models.core.database import Base, Created
from models.core.errors import Conflict, NotFound
from models.core.quotas import check_quota

MAX_VIEWS = 30
"""Of a user and a list."""
MAX_NAME = 60


class ListView(Base):
    """Filters of a list, such as `orders`, under a name that the user has given them: {"status": "confirmed"}."""

    __tablename__ = "list_view"
    __table_args__ = (UniqueConstraint("user_id", "list", "name", name="uq_list_view_name"), {"schema": "accounts"})
    id: Mapped[str] = mapped_column(Id("lvw"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id("usr"), ForeignKey(User.id, ondelete="CASCADE"))
    list: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    filters: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[Created]


def list_views(session: Session, user_id: str, of: str) -> Sequence[ListView]:
    """The views that a user has saved of a list, by name."""
    query = select(ListView).where(ListView.user_id == user_id, ListView.list == of)
    return session.scalars(query.order_by(ListView.name, ListView.id)).all()


def save_view(session: Session, user_id: str, of: str, name: str, filters: Mapping[str, str]) -> ListView:
    """Saves filters under a name; those that were saved under it are replaced. Raises Conflict `too_many_views`."""
    lock(session, user_id)
    own = select(ListView).where(ListView.user_id == user_id, ListView.list == of)
    found = session.scalars(own.where(ListView.name == name)).one_or_none()
    if found is None:
        detail = "You have as many views of this list as the shop allows. Delete one first."
        check_quota(session, own, Conflict(detail, code="too_many_views", limit=MAX_VIEWS))
        found = ListView(id=new_id("lvw"), user_id=user_id, list=of, name=name)
        session.add(found)
    found.filters = dict(filters)
    session.flush()
    return found


def delete_view(session: Session, user_id: str, view_id: str) -> ListView:
    """Deletes a view of the user and returns what it was. Raises NotFound, also for another user's view."""
    found = session.get(ListView, view_id)
    if found is None or found.user_id != user_id:
        raise NotFound("No such view.")
    session.delete(found)
    session.flush()
    return found


def delete_views_about(session: Session, user: User) -> None:
    """Deletes the views, of whomever, that look for this user: by id, e-mail address, last name or full name."""
    names = (user.email, user.last_name, f"{user.first_name} {user.last_name}")
    searched = func.lower(ListView.filters["q"].astext)
    about = or_(ListView.filters["user_id"].astext == user.id, searched.in_([name.lower() for name in names]))
    session.execute(delete(ListView).where(about))
