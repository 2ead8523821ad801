"""Statistics of the queues: number of messages, and the order in which runs began."""

import redis
from kombu.utils.url import url_to_parts
from sqlalchemy import func, select

from durable.tables import StepRecord
from models.core.database import transaction
from workflows.app import app


def client() -> redis.Redis:
    """A client of the broker's Redis, through its Unix socket."""
    return redis.Redis(unix_socket_path="/" + str(url_to_parts(app.conf.broker_url)[5]).lstrip("/"))


def published() -> int:
    """Number of messages published so far. Events for Flower use PUBLISH and are not counted."""
    return int(client().info("commandstats").get("cmdstat_lpush", {}).get("calls", 0))


def served(queued: list[str]) -> list[int]:
    """The queue positions of the runs, sorted by the start of their first step."""
    places = {run_id: place for place, run_id in enumerate(queued)}
    first = func.min(StepRecord.started_at)
    query = select(StepRecord.run_id).where(StepRecord.run_id.in_(queued)).group_by(StepRecord.run_id).order_by(first)
    with transaction() as session:
        return [places[run_id] for run_id in session.scalars(query)]
