"""Asks a server on this machine whether it serves, as a load balancer does."""

import socket

import grpc
from grpc_health.v1 import health, health_pb2

TIMEOUT = 2.0  # seconds


def is_serving(address: str, *, tls: bool) -> bool:
    """Whether the server says that it serves. With TLS, whether it accepts connections: it may want a certificate."""
    if tls:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), TIMEOUT).close()
        except OSError:
            return False
        return True
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            f"/{health.SERVICE_NAME}/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        try:
            found = check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        except grpc.RpcError:
            return False
    return bool(found.status == health_pb2.HealthCheckResponse.SERVING)
