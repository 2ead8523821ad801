"""Rows of every age in the tables with a retention period: row n is n days old."""

from sqlalchemy import text
from sqlalchemy.orm import Session

ROWS = {
    "idempotency_keys": """
        INSERT INTO workflow.idempotency_key (owner, key, fingerprint, status, created_at)
            SELECT 'usr_1', n::text, 'f', 202, at FROM aged""",
    "sessions": """
        INSERT INTO accounts.session (id, user_id, refresh_hash, expires_at, ended_at)
            SELECT id, id, n::text, at + interval '30 days', CASE WHEN n % 2 = 0 THEN at END FROM aged""",
    "resets": """
        INSERT INTO accounts.password_reset (id, user_id, token_hash, expires_at)
            SELECT id, id, n::text, at FROM aged""",
    "confirmations": """
        INSERT INTO accounts.email_confirmation (id, user_id, email, token_hash, expires_at)
            SELECT id, id, 'new@example.org', n::text, at FROM aged""",
    "email_changes": """
        INSERT INTO accounts.email_change (id, user_id, email, token_hash, expires_at)
            SELECT id, id, 'old@example.org', n::text, at FROM aged;
        INSERT INTO accounts.pending_email (user_id, email, run_id, token_hash, expires_at)
            SELECT id, 'new@example.org', id, n::text, at FROM aged""",
    "challenges": """
        INSERT INTO accounts.spent_challenge (digest, expires_at) SELECT n::text, at FROM aged""",
    "known_devices": """
        INSERT INTO accounts.known_device (user_id, fingerprint, first_seen_at, last_seen_at)
            SELECT '00000000-0000-7000-8000-000000000001', n::text, at, at FROM aged""",
    "phones": """
        INSERT INTO accounts.phone (user_id, number, code_of, code_expires_at, verified_at)
            SELECT id, '+4915123456789', id, at, CASE WHEN n % 2 = 0 THEN at END FROM aged""",
    "login_throttles": """
        INSERT INTO accounts.login_throttle (key, free_at) SELECT md5(n::text), at + interval '10 days' FROM aged""",
    "webhook_events": """
        INSERT INTO payments.webhook_event (id, type, received_at)
            SELECT 'evt_' || n, 'payment_intent', at FROM aged""",
    "carrier_updates": """
        INSERT INTO fulfilment.carrier_update (id, tracking_number, status, changed_at, events, received_at)
            SELECT 'evt_' || n, n::text, 'in_transit', at, '[]', at FROM aged""",
    "notifications": """
        INSERT INTO notifications.notification (id, key, kind, channel, recipient, subject, text, created_at, sent_at)
            SELECT id, 'checkout:' || n, 'welcome', 'email', 'ada@example.org', 'Hello', 'Ada', at, at FROM aged""",
    "runs": """
        INSERT INTO workflow.run (id, workflow, key, status, input, lease_until, created_at, finished_at)
            SELECT id, 'welcome', n::text, CASE WHEN n % 2 = 0 THEN 'succeeded' ELSE 'cancelled' END, '{}', at, at, at
            FROM aged;
        INSERT INTO workflow.step (run_id, name, status, queue, started_at)
            SELECT id, 'notifications.welcome', 'done', 'notifications', at FROM aged""",
    "events": """
        INSERT INTO workflow.event (id, name, payload, created_at) SELECT id, 'order.created', '{}', at FROM aged""",
    "staff_events": """
        WITH acted AS (
            INSERT INTO workflow.event (id, name, payload, created_at)
            SELECT uuidv7(at - now()), 'staff.acted', '{}', at FROM aged RETURNING id, created_at
        ) INSERT INTO workflow.audit_entry (number, event_id, created_at, before, code)
            SELECT row_number() OVER (), id, created_at, '', '' FROM acted""",
    "deliveries": """
        INSERT INTO webhooks.delivery (id, endpoint_id, event_id, position, type, attempts, succeeded, attempted_at)
            SELECT id, id, id, n, 'order.created', 1, true, at FROM aged""",
    "reports": """
        INSERT INTO reports.report (id, slot, run_id, period_start, period_end, totals, body, created_at)
            SELECT id, n::text, id, at, at, '{}', '{}', at FROM aged;
        INSERT INTO reports.line (report_id, slice, number, cells) SELECT id, 0, 1, '{}' FROM aged""",
    "reconciliations": """
        INSERT INTO payments.reconciliation (id, run_id, day, period_start, period_end, status, counts, created_at)
            SELECT id, id, at::date, at, at, 'differences', '{}', at FROM aged;
        INSERT INTO payments.difference (reconciliation_id, kind, subject, gateway)
            SELECT id, 'amount_differs', 'pi_1', 'stripe' FROM aged""",
    "imports": """
        INSERT INTO catalogue.import
            (id, run_id, owner, status, format, sha256, options, rows, skipped, created_at, finished_at)
            SELECT id, id, id, 'imported', 'shopflow', n::text, '{}', 1, 0, at, at FROM aged;
        INSERT INTO catalogue.import_refusal (import_id, line, sku, reason) SELECT id, 2, 'CUP', 'no price' FROM aged;
        INSERT INTO catalogue.import_chunk (import_id, number, body) SELECT id, 1, '[]' FROM aged""",
}
"""Kind → statements that insert its rows."""

GO = dict.fromkeys(ROWS, 1) | {
    "email_changes": 2,
    "webhook_events": 2,
    "staff_events": 2,
    "reports": 2,
    "reconciliations": 2,
    "imports": 3,
}
"""Kind → number of deleted rows per row of `aged`, without those deleted by cascade."""


def write(session: Session, days: int, *kinds: str) -> None:
    """Inserts a row of each kind (all by default) for each of these days, in random order."""
    session.execute(text("SET LOCAL session_replication_role = replica"))  # the referenced users do not exist
    session.execute(text("DROP TABLE IF EXISTS aged"))
    session.execute(
        text("""CREATE TEMP TABLE aged ON COMMIT DROP AS
            SELECT n, now() - n * interval '1 day' + interval '1 hour' AS at,
                uuidv7(n * interval '-1 day' + interval '1 hour') AS id
            FROM generate_series(1, :days) AS n ORDER BY hashint4(n)"""),
        {"days": days},
    )
    for kind in kinds or ROWS:
        for statement in ROWS[kind].split(";\n"):
            session.execute(text(statement))
    session.execute(text("SET LOCAL session_replication_role = DEFAULT"))
