"""Whether the files of pictures are in the store, and no others. Bounded: a store answers one folder at a time."""

from itertools import islice

from sqlalchemy import select

from models.core.database import transaction
from models.operations.audit import EXAMPLES, Finding
from models.pictures import Picture
from tasks.gateways.files import FileStore, open_store

MISSING = "the files of ready pictures are in the store"
ORPHANED = "every file in the store belongs to a picture"
STORED = (MISSING, ORPHANED)
PICTURES, FOLDERS = 100, 2000
"""The newest pictures whose files are looked for, and the folders whose pictures are."""


def check_files(examples: int | None = EXAMPLES) -> list[Finding]:
    """Both invariants, checked now. Raises FileStoreDown while the store does not respond."""
    store = open_store()
    found = []
    for name, check in ((MISSING, _missing), (ORPHANED, _orphaned)):
        checked, wrong = check(store)
        figures = {"checked": checked, "wrong": len(wrong)}
        found.append(Finding(name, not wrong, figures, wrong[:examples], len(wrong)))
    return found


def _missing(store: FileStore) -> tuple[int, list[str]]:
    ready = select(Picture.id, Picture.files).where(Picture.status == "ready")
    with transaction() as session:
        known = session.execute(ready.order_by(Picture.id.desc()).limit(PICTURES)).all()
    suspects = [row.id for row in known if not row.files.keys() <= store.list_names(row.id)]
    with transaction() as session:  # those that were removed meanwhile are none
        still = set(session.scalars(select(Picture.id).where(Picture.id.in_(suspects), Picture.status == "ready")))
    return len(known), sorted(still)


def _orphaned(store: FileStore) -> tuple[int, list[str]]:
    """A picture's row is there before its first file, and until its last one is deleted."""
    folders = list(islice(store.list_folders(), FOLDERS))
    ours = [name for name in folders if name.startswith("pic_") and len(name) == 36]
    with transaction() as session:
        known = set(session.scalars(select(Picture.id).where(Picture.id.in_(ours))))
    return len(folders), sorted(name for name in ours if name not in known and store.list_names(name))
