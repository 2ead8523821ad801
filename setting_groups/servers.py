"""The data folder, the processes of the shop, and the servers that they use."""

from pathlib import Path

from pydantic import BaseModel, Field

from setting_groups.secret import DEFAULT_SECRET


class Servers(BaseModel):
    """The data folder, the processes of the shop, and the servers that they use."""

    var: Path = Field(Path("var"), description="data folder: database, queue, logs, mailbox")
    env: str = Field(
        "development", pattern="^(development|production)$", description="production refuses default secrets"
    )
    secret_key: str = Field(DEFAULT_SECRET, min_length=32, description="signs access tokens (HS256)")
    audit_keys: str = Field(
        "",
        pattern=r"^([^,]{32,}(,[^,]{32,})*)?$",
        description="keys of the audit log, comma-separated: the first signs, all verify; empty: SHOP_SECRET_KEY",
    )
    password_cost: int = Field(
        19456, ge=8, description="memory per password hash in KiB (argon2id); more is safer and slower"
    )
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="the shop's currency, ISO 4217")
    api_host: str = Field("127.0.0.1", description="address on which the API listens")
    api_port: int = Field(8000, ge=0, le=65535, description="port of the API; 0 picks a free one")
    api_workers: int = Field(2, ge=1, description="API processes")
    api_proxies: int = Field(
        0, ge=0, description="number of reverse proxies in front of the API whose X-Forwarded-For is trusted"
    )
    api_threads: int = Field(
        48, ge=4, description="threads per API process; at most two thirds of them may wait for tasks"
    )
    rpc_host: str = Field("127.0.0.1", description="address on which gRPC listens; another one than loopback needs TLS")
    rpc_port: int = Field(50051, ge=0, le=65535, description="port of gRPC; 0 picks a free one")
    rpc_workers: int = Field(2, ge=1, le=64, description="gRPC processes; they share the port")
    rpc_threads: int = Field(
        8, ge=1, le=1000, description="threads per gRPC process for calls that do not wait; more make each call slower"
    )
    rpc_waiters: int = Field(
        24, ge=6, le=1000, description="threads per gRPC process for tasks; two thirds may wait, a sixth may stream"
    )
    rpc_grace: float = Field(8.0, ge=0, description="seconds for running gRPC calls to end when the process stops")
    rpc_tls_certificate: str = Field("", description="file with the certificate chain of gRPC, PEM; empty: no TLS")
    rpc_tls_key: str = Field("", description="file with the key of SHOP_RPC_TLS_CERTIFICATE, PEM")
    rpc_tls_client_ca: str = Field(
        "", description="file with the CAs that sign the certificates of gRPC clients, PEM; empty: clients need none"
    )
    flower_port: int = Field(5555, ge=0, le=65535, description="port of Flower")
    flower_user: str = Field("operator", description="username for Flower")
    flower_password: str = Field(DEFAULT_SECRET, min_length=8, description="password for Flower")
    gateway_port: int = Field(8010, ge=0, le=65535, description="port of the sandbox payment gateway")
    carrier_port: int = Field(8015, ge=0, le=65535, description="port of the sandbox carrier")
    paypal_port: int = Field(8011, ge=0, le=65535, description="port of the sandbox PayPal")
    mailbox_port: int = Field(8025, ge=0, le=65535, description="port of the mailbox's web page")
    smtp_port: int = Field(1025, ge=0, le=65535, description="SMTP port of the mailbox")
    database_url: str = Field("", description="PostgreSQL ≥ 15; empty: the embedded server")
    database_pool: int = Field(2, ge=1, description="maximum database connections per process, plus one per API thread")
    broker_url: str = Field("", description="Redis, Valkey or RabbitMQ; empty: the embedded server")
    result_url: str = Field("", description="Redis result backend for chords; empty: the broker, if it is a Redis")
    picture_store: str = Field(
        "",
        pattern=r"^(file:///.+|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#]*)?)?$",
        description="store of pictures: `file:///folder`, which API and workers share, or `s3://bucket/prefix`; empty: "
        "the folder `pictures` of the data folder",
    )
    picture_widths: tuple[int, ...] = Field(
        (320, 640, 1280, 1920),
        min_length=1,
        max_length=12,
        description="widths in pixels in which pictures are shown, as a list in JSON, ascending",
    )
    s3_endpoint: str = Field("", pattern="^(https?://.+)?$", description="a service that speaks S3; empty: Amazon")
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_access_key: str = Field("", description="access key of the bucket; empty: the credentials of the machine")
    s3_secret_key: str = Field("", description="secret of the access key")
    worker_groups: str = Field(
        "shop=*/notifications;mail=notifications,mass_mail;messages=sms,push;bulk=catalogue,reports,pictures",
        description="workers as name=queues; * = all other queues; queues after a / are performed in place only; "
        "name:4=… = 4 child processes",
    )
    worker_concurrency: int = Field(3, ge=1, description="child processes of a worker with *; others have 2")
    in_place: str = Field(
        "",
        description="queues whose steps a worker performs in place without consuming them; set per worker from the "
        "part after the / of its group",
    )
    worker_events: bool = Field(True, description="send task events to Flower")
    lease: float = Field(5.0, gt=0, description="seconds without heartbeat after which a run is considered lost")
    continue_for: float = Field(
        5.0,
        ge=0,
        description="seconds for which a worker continues a run without a new message; 0: one message per step",
    )
    sweep: float = Field(1.0, gt=0, description="seconds between sweeps of the dispatcher")
    attempts: int = Field(
        5, ge=1, description="consecutive failures after which a run is compensated or marked as stuck"
    )
    stuck_after: float = Field(
        900.0, gt=0, description="seconds without progress after which a failing run is marked as stuck"
    )
    events_exchange: str = Field(
        "shop.events",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="topic exchange of the broker to which public events are published; empty: none",
    )
    metrics: bool = Field(True, description="processes count for Prometheus")
    metrics_dir: str = Field(
        "", description="folder in which the processes of a machine count; empty: in the data folder"
    )
    metrics_host: str = Field("127.0.0.1", description="address of the exporter, which has no password")
    metrics_port: int = Field(9464, ge=0, le=65535, description="port of the exporter for Prometheus")
    otlp_url: str = Field(
        "", pattern="^(https?://[^?#]+)?$", description="collector of traces (OTLP over HTTP); empty: no traces"
    )
    otlp_share: float = Field(1.0, ge=0, le=1, description="share of requests without a traceparent that are traced")
    log_format: str = Field("text", pattern="^(text|json)$", description="format of log lines")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="log level")
