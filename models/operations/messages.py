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
)
