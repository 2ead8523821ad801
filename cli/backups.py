"""`shop backup` and `shop restore`: the database, and pictures that are in a folder, into files and back."""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
from sqlalchemy import text

from local import backups, picture_backups
from models.core.database import engine, transaction
from settings import settings

SIZE = text('SELECT (SELECT count(*) FROM accounts."user"), (SELECT count(*) FROM orders."order")')


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def backup(file: Path, overwrite: bool) -> None:
    """Write a backup of the database into FILE, while the shop is in operation.

    Pictures that are in a folder are written beside it, into FILE.pictures.tar; a bucket has backups of its own.

    FILE has PostgreSQL's custom format and is as of one moment. It contains personal data, and can be read by you
    alone. The secrets are not in it: keep `stack.json` of the data folder, or your SHOP_ variables, as well. For a shop
    that takes real money, archive PostgreSQL's log continuously besides.
    """
    if file.exists() and not overwrite:
        raise click.ClickException(f"{file} exists; choose another file, or add --overwrite.")
    since = time.monotonic()
    folder, beside = settings.picture_folder, picture_backups.file_beside(file)
    if folder is not None and not folder.is_dir():
        folder = None  # a shop without a picture yet
    with nullcontext() if folder is None else picture_backups.packing(folder, beside):
        backups.back_up(settings.database, file)
    click.echo(f"{file}: {_size(file)} in {time.monotonic() - since:.1f} s")
    if folder is not None:
        click.echo(f"{beside}: {_size(beside)}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Do not ask before a shop is replaced.")
def restore(file: Path, yes: bool) -> None:
    """Replace the database with the backup in FILE, and migrate it.

    Pictures are replaced with those of FILE.pictures.tar.

    Asks first if the database holds a shop. The processes of a stack on this machine are stopped meanwhile, except
    database and queue, and started again; stop those of other machines yourself. Everything is replaced in one
    transaction: if it fails, nothing has changed. Then pictures are replaced, if they are in a folder and FILE has them
    beside it. Run `shop audit` afterwards.
    """
    backups.check(settings.database, file)
    held = _held()
    if held and not yes:
        click.confirm(f"The database holds {held}, which will be lost. Replace it?", abort=True)
    since = time.monotonic()
    engine().dispose()
    with _paused():
        backups.restore(settings.database, file)
        _migrate()
        beside = picture_backups.file_beside(file)
        if settings.picture_folder and beside.exists():
            picture_backups.unpack(beside, settings.picture_folder)
    click.echo(f"{file}: {_size(file)} restored in {time.monotonic() - since:.1f} s. Check it with `shop audit`.")


def _held() -> str | None:
    """What would be lost, in words; None if the database is that of a new shop, or empty."""
    with transaction() as session:
        if session.scalar(text("""SELECT to_regclass('orders."order"')""")) is None:
            return None
        users, orders = session.execute(SIZE).one()
    return f"{users} users and {orders} orders" if users or orders else None


def _paused() -> AbstractContextManager[None]:
    """The stack on this machine, without its programs, if there is one."""
    try:
        from local import lifecycle
    except ModuleNotFoundError:  # without the extra `local`, there is none
        return nullcontext()
    return lifecycle.paused()


def _migrate() -> None:
    from models.core.schema import migrate

    migrate()


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
