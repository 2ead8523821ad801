"""Celery settings. docs/durability.md explains those that a guarantee depends on."""

from kombu import Queue

from settings import QUEUES, settings

broker_url = settings.broker
result_backend = settings.results
_on_redis = broker_url.startswith(("redis", "valkey", "sentinel"))
_kind = {} if _on_redis else {"x-queue-type": "quorum"}  # RabbitMQ: survives the loss of one node of three
task_queues = [Queue(name, routing_key=name, queue_arguments=_kind) for name in QUEUES]
task_default_queue = "orders"
task_create_missing_queues = False
task_serializer = result_serializer = "json"
accept_content = ["json"]

# A message is acknowledged only after its work is committed, and is redelivered if its worker dies.
task_acks_late = True
task_reject_on_worker_lost = True
task_acks_on_failure = task_acks_on_timeout = True
worker_lost_wait = 0.2  # seconds to wait for a last result of a dead child; step results are in the database
task_soft_time_limit, task_time_limit = 40, 50  # below the visibility timeout
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 5000
worker_soft_shutdown_timeout = 10.0
worker_enable_soft_shutdown_on_idle = True
worker_cancel_long_running_tasks_on_connection_loss = False

task_ignore_result = True
result_expires = 3600
worker_send_task_events = settings.worker_events
event_queue_ttl, event_queue_expires = 5.0, 60.0

broker_connection_retry_on_startup = True
broker_connection_max_retries = None
if _on_redis:
    broker_transport_options = {
        "visibility_timeout": 60,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 5,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 5,
    }
else:
    task_default_exchange_type = "topic"  # required by Celery's delayed delivery, which quorum queues use
    broker_heartbeat = 10
    broker_transport_options = {"confirm_publish": True}
redis_socket_timeout, redis_socket_connect_timeout = 5.0, 2.0
redis_socket_keepalive = not result_backend.startswith("redis+socket")  # unix sockets have no such option
redis_backend_health_check_interval = 5

beat_sync_every = 1
timezone, enable_utc = "UTC", True
