"""The declared workflow of a run as a picture: where each step stands, and what has become of it. Pure.

From top to bottom the steps forward; what runs in parallel is in a box. To the right of a step is what undoes it, and
below, what closes a run that was refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from durable.plan import may_have_happened, progress_in
from durable.steps import Step
from durable.tables import RunRow, StepRow
from durable.workflow import Each, Parallel, Pivot, Undoable, Workflow, steps_of

WIDTH, HEIGHT = 230, 48
GAP, INSIDE, MARGIN = 30, 10, 12
BACK = MARGIN + WIDTH + 64  # where what undoes begins


@dataclass(frozen=True)
class Node:
    """A step of the picture. `row`: the name of its first record. `items` of an `Each`: how many are done, and all."""

    name: str
    queue: str
    state: str
    x: int
    y: int
    row: str
    role: str = "step"
    items: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """The name without its service."""
        return self.name.partition(".")[2] or self.name

    @property
    def middle(self) -> int:
        """Where arrows begin and end."""
        return self.y + HEIGHT // 2


@dataclass
class Picture:
    """Nodes, boxes (x, y, width, height, kind) and arrows (x1, y1, x2, y2, kind)."""

    nodes: list[Node] = field(default_factory=list)
    boxes: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    arrows: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    width: int = MARGIN * 2 + WIDTH
    height: int = MARGIN


def draw(workflow: Workflow, run: RunRow, steps: Sequence[StepRow]) -> Picture:
    """The picture of a run."""
    return _Pen(workflow, run, steps).draw()


class _Pen:
    def __init__(self, workflow: Workflow, run: RunRow, steps: Sequence[StepRow]) -> None:
        self.workflow, self.run = workflow, run
        self.records: Mapping[str, StepRow] = {step.name: step for step in steps}
        self.progress = progress_in(run.status, steps)
        self.is_back = run.status in ("compensating", "cancelled") or (run.status == "failed" and bool(run.error))
        self.made, self.is_next = Picture(), True

    def draw(self) -> Picture:
        below = MARGIN
        for stage in self.workflow.stages:
            if below > MARGIN:
                self.made.arrows.append((MARGIN + WIDTH // 2, below - GAP, MARGIN + WIDTH // 2, below, "on"))
            below = (self._group(stage, below) if isinstance(stage, Parallel) else self._stage(stage, below)) + GAP
        below -= GAP
        if self.workflow.if_refused:
            below = self._closing(below)
        self.made.height = below + MARGIN
        return self.made

    def _stage(self, stage: Step | Undoable | Pivot | Each, y: int) -> int:
        [step] = steps_of(stage)
        role = "pivot" if isinstance(stage, Pivot) else "each" if isinstance(stage, Each) else "step"
        self._forward(step, MARGIN, y, role)
        if isinstance(stage, Undoable):
            self.made.width = BACK + WIDTH + MARGIN
            self.made.arrows.append((MARGIN + WIDTH, y + HEIGHT // 2, BACK, y + HEIGHT // 2, "back"))
            self._backward(stage.undo, f"undo:{step.name}", y, may_have_happened(step, self.progress))
        return y + HEIGHT

    def _group(self, stage: Parallel, y: int) -> int:
        inner, is_next = y + INSIDE, self.is_next
        for step in stage.steps:
            self.is_next = is_next  # all of them may be next
            self._forward(step, MARGIN, inner, "step")
            inner += HEIGHT + INSIDE
        self.is_next = is_next and all(self.progress.steps.get(step.name) == "done" for step in stage.steps)
        self.made.boxes.append((MARGIN - 8, y, WIDTH + 16, inner - y, "parallel"))
        return inner

    def _closing(self, below: int) -> int:
        """Beside the last steps if nothing is undone there, and below otherwise."""
        names = len(self.workflow.if_refused)
        need = names * (HEIGHT + INSIDE) + INSIDE
        taken = max((node.y + HEIGHT for node in self.made.nodes if node.x == BACK), default=MARGIN - GAP) + GAP
        y = top = max(taken, below - need)
        self.made.width = BACK + WIDTH + MARGIN
        for step in self.workflow.if_refused:
            y += INSIDE
            self._backward(step, step.name, y, self.is_back)
            y += HEIGHT
        self.made.boxes.append((BACK - 8, top, WIDTH + 16, y + INSIDE - top, "closing"))
        return max(below, y + INSIDE)

    def _forward(self, step: Step, x: int, y: int, role: str) -> None:
        found = self._items(step) if role == "each" else [self.records[step.name]] if step.name in self.records else []
        state = self._forward_state(step, found)
        items = (sum(item.status == "done" for item in found), len(found)) if role == "each" and found else None
        row = found[0].name if found else ""
        self.made.nodes.append(Node(step.name, step.queue, state, x, y, row, role, items))

    def _items(self, step: Step) -> list[StepRow]:
        return [record for name, record in self.records.items() if name.startswith(f"{step.name}[")]

    def _forward_state(self, step: Step, found: Sequence[StepRow]) -> str:
        if not found:
            was_next, self.is_next = self.is_next, False
            if self.is_back or self.run.finished_at is not None:
                return "skipped"
            return "waiting" if was_next and self.run.status == "waiting" else "pending"
        state = _worst(found, self.run)
        if state == "done":
            undone = self.records.get(f"undo:{step.name}")
            return "undone" if undone is not None and undone.status == "done" else "done"
        self.is_next = False
        return state

    def _backward(self, step: Step, name: str, y: int, is_due: bool) -> None:
        record = self.records.get(name)
        due = self.is_back and is_due and self.run.finished_at is None
        state = _worst([record], self.run) if record is not None else "pending" if due else "skipped"
        role = "undo" if name.startswith("undo:") else "closing"
        self.made.nodes.append(Node(step.name, step.queue, state, BACK, y, name if record is not None else "", role))


def state_of(step: StepRow, run: RunRow) -> str:
    """The state of a step that has begun: `intent` with an error waits for its next attempt, unless the run has ended.
    So ends a call of which it is not known what became of it, and an item that a replay has not found any more."""
    if step.status != "intent":
        return str(step.status)
    return "unfinished" if run.finished_at is not None else "retry" if step.error else "intent"


def _worst(found: Iterable[StepRow], run: RunRow) -> str:
    states = {state_of(step, run) for step in found}
    return next(state for state in ("refused", "retry", "unfinished", "intent", "done") if state in states)
