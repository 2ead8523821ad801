from collections.abc import Iterable

class IPSet:
    def __init__(self, iterable: Iterable[str] = ...) -> None: ...
