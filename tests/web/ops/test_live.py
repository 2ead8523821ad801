"""The stream of a run's page."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import pytest

import durable
from durable import queries, transitions
from models.core.database import transaction
from tests.runs import started, step
from tests.web.conftest import Browser
from tests.web.ops.making import declined, stuck

CHANGED, END = "event: changed\ndata: look\n\n", "event: end\ndata: end\n\n"


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def next_event(texts: Iterator[str]) -> str:
    """The next one; comments are none."""
    return next(text for text in texts if text.startswith("event:"))


def test_each_change_is_told_until_the_run_has_ended(operator: Browser) -> None:
    run_id = started("checkout")
    page = operator.get(f"/ops/runs/{run_id}").text
    assert f'sse-connect="/ops/runs/{run_id}/events"' in page
    assert 'hx-trigger="sse:changed, every 5s"' in page
    with closing(operator.get(f"/ops/runs/{run_id}/events")) as stream:
        assert stream.mimetype == "text/event-stream"
        chunks: Any = islice(stream.response, 200)
        texts = (chunk.decode() for chunk in chunks)
        assert next_event(texts) == CHANGED
        step(run_id, "inventory.reserve")
        assert next_event(texts) == CHANGED
        with transaction() as session:
            durable.signal(session, run_id, "cancelled", {})
        assert next_event(texts) == CHANGED
        with transaction() as session:
            transitions.end(session, queries.get_run(session, run_id), "succeeded")
        assert [next_event(texts), next_event(texts)] == [CHANGED, END]


def test_an_ended_run_is_not_followed(operator: Browser) -> None:
    run_id = declined()
    assert "sse-connect" not in operator.get(f"/ops/runs/{run_id}").text
    with closing(operator.get(f"/ops/runs/{run_id}/events")) as stream:
        chunks: Any = islice(stream.response, 3)
        assert [chunk.decode() for chunk in chunks][1:] == [CHANGED, END]


def test_a_stream_is_for_those_who_may_read_runs(signed_in: Callable[..., Browser], operator: Browser) -> None:
    run_id = stuck()
    assert signed_in("ada").get(f"/ops/runs/{run_id}/events").status_code == 403
    assert operator.get(f"/ops/runs/run_{'0' * 32}/events").status_code == 404
