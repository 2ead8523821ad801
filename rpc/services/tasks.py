"""Tasks: the runs that requests have started."""

import time
from collections.abc import Iterator

from models.core.errors import Overloaded
from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import IDENTIFIED
from rpc.service import Service
from rpc.services.ids import known
from rpc.stopping import Stopping, is_stopping
from serving import run_waiter
from serving.tasks import SeenTask, WaitQuery, get_owner_and_end, read_task, visible
from shopflow.tasks.v1 import tasks_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["TasksService"])
WAIT = WaitQuery()

MAX_DURATION = 300.0  # seconds of a stream; clients follow again, and are authorised again
HEARTBEAT = 10.0  # seconds between checks of the access
POLL_INTERVAL = 1.0  # seconds between two reads of the steps; the end of a run is notified immediately
RETRY_AFTER = 5  # seconds


@service.call("GetTask", IDENTIFIED, waits=True)
def get_task(call: Call, request: pb.GetTaskRequest) -> pb.GetTaskResponse:
    run_id = known("run", request.task_id, "task")
    seconds = validated(WAIT, request, without="task_id")["wait"]
    if call.deadline is not None:
        seconds = min(seconds, call.deadline - time.monotonic())

    def has_ended() -> bool:
        return bool(visible(get_owner_and_end(run_id), call.principal).ended)

    run_waiter.wait_for_end(call.holder, run_id, seconds, has_ended)
    return build(pb.GetTaskResponse, {"task": read_task(run_id, call.principal).view})


@service.call("FollowTask", IDENTIFIED, waits=True)
def follow_task(call: Call, request: pb.FollowTaskRequest) -> Iterator[pb.FollowTaskResponse]:
    run_id = known("run", request.task_id, "task")
    visible(get_owner_and_end(run_id), call.principal)
    release = run_waiter.acquire_stream_slot(call.holder)
    if release is None:
        raise Overloaded("All streams of this process are taken.", code="too_many_streams", retry_after=RETRY_AFTER)
    try:
        yield from _states(call, run_id)
    finally:
        release()


def _states(call: Call, run_id: str) -> Iterator[pb.FollowTaskResponse]:
    last: pb.FollowTaskResponse | None = None
    checked_at = time.monotonic()
    for _ in run_waiter.watch(run_id, MAX_DURATION, POLL_INTERVAL):
        if not call.is_active:
            return
        if is_stopping():
            raise Stopping("This server is stopping; follow the task again.")
        if time.monotonic() - checked_at >= HEARTBEAT:
            call.principal = IDENTIFIED.admit(call) or call.principal
            checked_at = time.monotonic()
        seen: SeenTask = read_task(run_id, call.principal)
        state = build(pb.FollowTaskResponse, {"task": seen.view})
        if state != last:
            last = state
            yield state
        if seen.run.finished_at is not None:
            return
