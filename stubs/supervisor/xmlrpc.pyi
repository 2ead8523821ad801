"""The part of supervisor that local/ uses. The package itself has no types."""

from xmlrpc.client import Transport

class SupervisorTransport(Transport):
    def __init__(self, username: str | None, password: str | None, serverurl: str) -> None: ...
