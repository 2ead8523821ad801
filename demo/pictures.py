"""Pictures of the newest books of the demo: staff upload them, and a workflow makes the files that pages need."""

from demo import covers
from demo.day import Day, Event, Line

BOOKS = 12
"""As many as the start page shows."""


def upload(day: Day, goods: dict[str, Line]) -> list[str]:
    """Uploads a cover for each of the newest books; `goods` are newest first. Returns the tasks that resize them."""
    newest = [one for one in goods.values() if one["kind"] == "book"][:BOOKS]
    return [_upload(day, book) for book in newest]


def _upload(day: Day, book: Line) -> str:
    cover = covers.draw(book["title"], book["author"]["name"])
    task: str = day.staff.post_file(f"/v1/products/{book['id']}/pictures", cover, alt=f"Cover of {book['title']}")[
        "task_id"
    ]
    return task


def check(day: Day, tasks: list[str], goods: dict[str, Line]) -> None:
    """Each picture is shown, as AVIF, WebP and JPEG."""
    for task in tasks:
        day.staff.follow(task)
    shown = [day.staff.get(f"/v1/products/{one['id']}")["pictures"] for one in goods.values() if one["kind"] == "book"]
    ready = [picture for pictures in shown for picture in pictures]
    files = {(source["type"], source["width"]) for picture in ready for source in picture["sources"]}
    kinds, widths = ({pair[part] for pair in files} for part in (0, 1))
    day.tell(Event(f"covers uploaded and resized: {len(ready)}", "", ready[0]["id"]))
    day.record("covers as AVIF, WebP and JPEG", (len(ready), len(kinds)) == (BOOKS, 3), (len(ready), sorted(widths)))
