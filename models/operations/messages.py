"""Invariants of the phone numbers and devices to which messages are sent."""

from models.operations.invariant import Invariant

MESSAGES = (
    Invariant(
        "phone numbers and devices belong to open accounts",
        "count(*) AS phones_and_devices",
        """SELECT 'usr_' || replace(owner.id::text, '-', '') AS example, owner.status <> 'active' AS bad
        FROM (
            SELECT user_id FROM accounts.phone UNION ALL SELECT user_id FROM accounts.device
        ) AS way JOIN accounts."user" AS owner ON owner.id = way.user_id""",
    ),
)
