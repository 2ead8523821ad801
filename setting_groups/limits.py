"""The most that the shop accepts at a time."""

from pydantic import BaseModel, Field


class Limits(BaseModel):
    """The most that the shop accepts at a time."""

    max_wait: float = Field(
        60.0,
        gt=0,
        description="maximum expected waiting time of a new checkout in seconds; beyond it: 503 `overloaded`",
    )
    import_rows: int = Field(1_000_000, ge=1, description="maximum rows of an imported file")
    upload_seconds: float = Field(600.0, gt=0, description="seconds in which an uploaded file must have arrived")
