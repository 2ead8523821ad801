"""How long records are kept."""

from pydantic import BaseModel, Field


class Retention(BaseModel):
    """How long records are kept."""

    keep_idempotency_keys_days: int = Field(
        1, ge=1, description="days for which idempotency keys and their responses are kept"
    )
    keep_runs_days: int = Field(
        90, ge=7, description="days for which succeeded and cancelled runs are kept, with their steps"
    )
    keep_events_days: int = Field(400, ge=7, description="days for which events are kept, except actions of staff")
    keep_staff_events_days: int = Field(3650, ge=7, description="days for which events of actions of staff are kept")
    keep_notifications_days: int = Field(400, ge=31, description="days for which sent mails are kept")
    keep_webhook_events_days: int = Field(
        90, ge=31, description="days for which webhook events are kept; the gateway resends them for at most 30"
    )
    keep_reports_days: int = Field(400, ge=7, description="days for which reports are kept")
    keep_imports_days: int = Field(90, ge=7, description="days for which imports are kept, with their refused rows")
    keep_known_devices_days: int = Field(
        400, ge=31, description="days after which a device from which a user signed in counts as new"
    )
    keep_deliveries_days: int = Field(30, ge=7, description="days for which the log of webhooks is kept")
