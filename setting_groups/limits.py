"""The most that the shop accepts at a time."""

from pydantic import BaseModel, Field

RATE = r"^[1-9]\d{0,8}/[1-9]\d{0,4} (second|minute|hour|day)s?$"
"""`number/period`, such as `20/10 minutes`."""


class Limits(BaseModel):
    """The most that the shop accepts at a time."""

    max_wait: float = Field(
        60.0,
        gt=0,
        description="maximum expected waiting time of a new checkout in seconds; beyond it: 503 `overloaded`",
    )
    limit_registrations: str = Field(
        "20/10 minutes", pattern=RATE, description="registrations from one network; beyond it: 429"
    )
    limit_guest_carts: str = Field("60/10 minutes", pattern=RATE, description="guest carts opened from one network")
    limit_mails: str = Field("30/1 hour", pattern=RATE, description="requests from one network that send a mail")
    limit_mailed_tokens: str = Field(
        "60/10 minutes", pattern=RATE, description="tokens of mails, for addresses and passwords, sent from one network"
    )
    limit_imports: str = Field("30/10 minutes", pattern=RATE, description="uploaded files of one user or API key")
    limit_pictures: str = Field("300/10 minutes", pattern=RATE, description="uploaded pictures of one user or API key")
    limit_shipping_rates: str = Field(
        "120/10 minutes", pattern=RATE, description="questions of one user or API key about the prices of carriers"
    )
    limit_test_messages: str = Field(
        "30/1 hour", pattern=RATE, description="notifications that one user or API key sends to themselves as a test"
    )
    streams_per_caller: int = Field(
        2, ge=1, description="event streams of one user or API key at a time, in each API process"
    )
    waits_per_caller: int = Field(
        8, ge=1, description="requests of one user or API key that wait for a task at a time, in each API process"
    )
    streams_per_network: int = Field(6, ge=1, description="event streams of one network at a time, in each API process")
    waits_per_network: int = Field(
        24, ge=1, description="requests of one network that wait for a task at a time, in each API process"
    )
    answer_bytes: int = Field(
        1 << 24, ge=1 << 20, description="maximum size of a page of a list; beyond it: 422 `answer_too_large`"
    )
    import_rows: int = Field(1_000_000, ge=1, description="maximum rows of an imported file")
    picture_bytes: int = Field(
        20 << 20,
        ge=1 << 10,
        description="maximum size of an uploaded picture; beyond it: 413 `request_entity_too_large`",
    )
    picture_pixels: int = Field(
        50_000_000, ge=1, description="maximum pixels of an uploaded picture; beyond it: 422 `picture_refused`"
    )
    product_pictures: int = Field(20, ge=1, description="pictures of a product; beyond it: 409 `too_many_pictures`")
    upload_seconds: float = Field(600.0, gt=0, description="seconds in which an uploaded file must have arrived")
    api_head_timeout: float = Field(
        10.0, gt=0, description="seconds for the request line and the headers of a request; beyond it: 408"
    )
    api_body_timeout: float = Field(
        20.0,
        gt=0,
        description="seconds for the body of a request and for reading its answer, plus one per 8 KiB; beyond it: 408",
    )
    cart_items: int = Field(2000, ge=1, description="products in a cart; beyond it: 409 `cart_full`")
    order_lines: int = Field(2000, ge=1, description="lines of an order; beyond it: 409 `too_many_lines`")
    kinds: int = Field(100, ge=3, description="kinds of products; beyond it: 409 `too_many_kinds`")
    group_products: int = Field(250, ge=1, description="products of a product group; beyond it: 409 `group_full`")
    option_values: int = Field(
        250, ge=1, description="values of an option of a product group; beyond it: 409 `too_many_option_values`"
    )
    addresses: int = Field(50, ge=1, description="addresses of a user; beyond it: 409 `too_many_addresses`")
    devices: int = Field(20, ge=1, description="devices of a user; beyond it: 409 `too_many_devices`")
    api_keys: int = Field(50, ge=1, description="valid API keys of a user; beyond it: 409 `too_many_keys`")
    webhook_endpoints: int = Field(50, ge=1, description="webhook endpoints; beyond it: 409 `too_many_endpoints`")
