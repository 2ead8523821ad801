"""The part of Leather that models/reports/charts.py uses."""

from collections.abc import Callable, Sequence

from leather import theme as theme

class Chart:
    def __init__(self, title: str | None = None) -> None: ...
    def add_x_scale(self, domain_min: float, domain_max: float) -> None: ...
    def add_y_scale(self, domain_min: float, domain_max: float) -> None: ...
    def add_x_axis(
        self,
        ticks: Sequence[float] | None = None,
        tick_formatter: Callable[[float, int, int], str] | None = None,
        name: str | None = None,
    ) -> None: ...
    def add_y_axis(
        self,
        ticks: Sequence[float] | None = None,
        tick_formatter: Callable[[float, int, int], str] | None = None,
        name: str | None = None,
    ) -> None: ...
    def add_line(
        self,
        data: Sequence[tuple[float, float]],
        *,
        name: str | None = None,
        stroke_color: str | None = None,
        stroke_dasharray: str | None = None,
    ) -> None: ...
    def add_bars(
        self, data: Sequence[tuple[float, str]], *, name: str | None = None, fill_color: str | None = None
    ) -> None: ...
    def to_svg(self, path: str | None = None, width: int | None = None, height: int | None = None) -> str: ...
