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
    api_head_timeout: float = Field(
        10.0, gt=0, description="seconds for the request line and the headers of a request; beyond it: 408"
    )
    api_body_timeout: float = Field(
        20.0,
        gt=0,
        description="seconds for the body of a request and for reading its answer, plus one per 8 KiB; beyond it: 408",
    )
