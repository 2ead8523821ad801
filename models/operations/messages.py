"""Invariants of what belongs to an account: where messages are sent, and how its owner signs in."""

from models.operations.invariant import Invariant

MESSAGES = (
    Invariant(
        "phone numbers, devices and second factors belong to open accounts",
        "count(*) AS phones_devices_and_factors",
        """SELECT 'usr_' || replace(owner.id::text, '-', '') AS example, owner.status <> 'active' AS bad
        FROM (
            SELECT user_id FROM accounts.phone UNION ALL SELECT user_id FROM accounts.device
            UNION ALL SELECT user_id FROM accounts.second_factor
            UNION ALL SELECT user_id FROM accounts.recovery_code
            UNION ALL SELECT user_id FROM accounts.known_device
            UNION ALL SELECT user_id FROM accounts.passkey
            UNION ALL SELECT user_id FROM accounts.identity
        ) AS way JOIN accounts."user" AS owner ON owner.id = way.user_id""",
    ),
    Invariant(
        "mails are held only for addresses that are not confirmed",
        "count(*) AS held",
        """SELECT 'ntf_' || replace(told.id::text, '-', '') AS example,
            (owner.email_confirmed_at IS NOT NULL OR owner.status <> 'active') AND NOT EXISTS (
                SELECT FROM workflow.run WHERE workflow IN ('held_mail', 'erasure') AND finished_at IS NULL
                AND run.input->>'user_id' = 'usr_' || replace(owner.id::text, '-', '')
            ) AS bad
        FROM notifications.notification AS told JOIN accounts."user" AS owner ON owner.id = told.user_id
        WHERE told.held IS NOT NULL""",
    ),
)
