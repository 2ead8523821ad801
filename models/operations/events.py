"""Invariants of the feed of public events. A shop that never had a relay has no cursors, and nothing is checked."""

from models.operations.invariant import Invariant

EVENTS = (
    Invariant(
        "every public event gets a position",
        "count(*) AS events, count(position) AS placed",
        """SELECT 'evt_' || replace(id::text, '-', '') AS example, event.position, event.position IS NULL
                AND created_at < now() - make_interval(secs => :overdue) AND relay.name IS NOT NULL AS bad
        FROM workflow.event LEFT JOIN workflow.event_cursor AS relay ON relay.name = 'positions'
        WHERE ordinal IS NOT NULL""",
    ),
    # Old events are deleted by type, so there are gaps after events that are due for deletion.
    Invariant(
        "positions of events have no gaps",
        "count(*) AS placed, max(position) AS last",
        """SELECT 'evt_' || replace(id::text, '-', '') AS example, placed.position,
            placed.position > coalesce(relay.position, 0)
                OR placed.position > before + 1 AND before_at > now() - make_interval(days => :events_kept - 1) AS bad
        FROM (
            SELECT id, position, lag(position) OVER by_position AS before, lag(created_at) OVER by_position AS before_at
            FROM workflow.event WHERE position IS NOT NULL WINDOW by_position AS (ORDER BY position)
        ) AS placed LEFT JOIN workflow.event_cursor AS relay ON relay.name = 'positions'""",
    ),
    Invariant(
        "the relay runs and the exchange keeps up",
        "count(*) AS cursors, max(position) - min(position) AS behind",
        """SELECT cursor.name AS example, cursor.position,
            least(next.created_at, CASE cursor.name WHEN 'positions' THEN moved_at END)
                < now() - make_interval(secs => :overdue) AS bad
        FROM workflow.event_cursor AS cursor
        LEFT JOIN workflow.event AS next ON next.position = cursor.position + 1""",
    ),
    # An endpoint that answers slowly has deliveries under way; one that fails has deliveries to retry. Both may lag.
    Invariant(
        "webhooks are delivered or under way",
        """count(*) AS endpoints, sum(pending) AS pending""",
        """SELECT 'whe_' || replace(endpoint.id::text, '-', '') AS example, pending,
            endpoint.cursor < relay.position AND pending = 0 AND failing_since IS NULL AND next.created_at
                < now() - make_interval(secs => :overdue * 10) AS bad
        FROM webhooks.endpoint LEFT JOIN workflow.event_cursor AS relay ON relay.name = 'positions'
        LEFT JOIN workflow.event AS next ON next.position = endpoint.cursor + 1, LATERAL (
            SELECT count(*) AS pending FROM webhooks.delivery WHERE endpoint_id = endpoint.id AND due_at IS NOT NULL
        ) AS waiting
        WHERE disabled_at IS NULL AND deleted_at IS NULL""",
    ),
)
