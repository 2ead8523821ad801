"""Staff at work in a browser, with real workers: pictures, saved views, and orders in bulk."""

from collections.abc import Callable
from pathlib import Path

from local.waiting import wait_until
from models import pictures
from models.core.database import transaction
from tests.photographs import photograph
from tests.shopping import make_product
from tests.web.browser.conftest import Visitor
from tests.web.browser.selling import completed_order
from tests.web.browser.signing_in import ROLES, enter


def test_a_picture_is_uploaded_and_seen_in_the_shop(
    visit: Callable[..., Visitor], sign_in: Callable[..., object], tmp_path: Path
) -> None:
    product_id = make_product("EMMA", 3)
    good, bad = tmp_path / "front.jpg", tmp_path / "broken.jpg"
    good.write_bytes(photograph())
    bad.write_bytes(photograph()[:2000])
    sign_in("boss", *ROLES)
    boss = enter(visit())
    boss.open(f"/desk/products/{product_id}")
    boss.follow("Pictures")
    boss.page.locator("#file").set_input_files([good, bad])
    boss.follow("Upload", "button")
    boss.sees("The pictures are uploaded.")
    boss.page.locator(".picture-shown img").wait_for()
    shown = boss.page.locator(".picture-shown img").first
    assert wait_until(lambda: bool(shown.evaluate("image => image.naturalWidth")), 30, 0.2)
    boss.page.locator(".picture-shown .badge-bad").wait_for()
    boss.page.get_by_label("What it shows, in words").first.fill("The front")
    boss.page.get_by_role("button", name="Save the text").first.click()
    boss.sees("The text of the picture is saved.")
    boss.page.get_by_role("button", name="Move down").click()
    boss.sees("The picture is moved.")
    with transaction() as session:
        found = session.scalars(pictures.select_pictures(product_id, None).order_by(pictures.Picture.position)).all()
    assert [(one.status, one.alt) for one in found] == [("failed", ""), ("ready", "The front")]
    boss.open(f"/products/{product_id}")
    boss.page.get_by_alt_text("The front").first.wait_for()


def test_a_view_is_saved_and_two_orders_are_shipped_in_bulk_with_the_keyboard(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    product_id = make_product("EMMA", 9)
    for username in ("grace", "alan"):
        completed_order(product_id, 2, username)
    sign_in("boss", *ROLES)
    boss = enter(visit())
    boss.open("/desk/orders?status=confirmed&sku=EMMA")
    boss.page.get_by_text("Save these filters as a view").click()
    boss.page.get_by_label("Name of the view").fill("Emma today")
    boss.follow("Save the view", "button")
    boss.open("/desk/orders")
    boss.follow("Emma today")
    assert "sku=EMMA" in boss.page.url
    boss.page.locator("main h1").click()
    for key in ("j", "x", "j", "x"):
        boss.page.keyboard.press(key)
    assert boss.page.locator("[name=order]:checked").count() == 2
    boss.follow("Ship", "button")
    boss.page.get_by_label("None: without tracking numbers").check()
    boss.follow("Ship orders", "button")
    boss.sees("2 orders are being shipped")
    boss.follow("Back to the list")
    assert "sku=EMMA" in boss.page.url
    boss.page.keyboard.press("?")
    boss.sees("tick the row")


def test_the_same_works_without_javascript_on_a_narrow_screen(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    product_id = make_product("EMMA", 9)
    order_id = completed_order(product_id, 2)
    sign_in("boss", *ROLES)
    boss = enter(visit(width=320, java_script_enabled=False))
    boss.page.goto(f"{boss.url}/desk/orders")
    boss.page.locator("[name=order]").check()
    boss.page.get_by_role("button", name="Add a tag").click()
    boss.fill({"tag": "gift"})
    boss.page.get_by_role("button", name="Add a tag").click()
    boss.sees("1 order has the tag.")
    boss.page.get_by_role("button", name="Undo").click()
    boss.sees("The tag is removed from 1 order.")
    boss.page.goto(f"{boss.url}/desk/orders/{order_id}")
    boss.page.get_by_label("Note for colleagues").fill("Wrong")
    boss.page.get_by_role("button", name="Save", exact=True).click()
    boss.page.get_by_role("button", name="Undo").click()
    boss.sees("Note and tags are what they were before.")


def test_an_order_is_printed_with_its_address_and_without_what_is_to_do(
    visit: Callable[..., Visitor], sign_in: Callable[..., object]
) -> None:
    order_id = completed_order(make_product("EMMA", 9), 2)
    sign_in("boss", *ROLES)
    boss = enter(visit())
    boss.open(f"/desk/orders/{order_id}")
    street, to_do = boss.page.get_by_text("12 St James's Square"), boss.page.get_by_role("heading", name="What to do")
    assert (street.is_visible(), to_do.is_visible()) == (True, True)
    boss.page.emulate_media(media="print")
    assert (street.is_visible(), to_do.is_visible()) == (True, False)
    boss.open("/desk/orders")
    assert boss.page.get_by_role("row").count() == 2
    assert not boss.page.locator("#many, [name=order], .sections").filter(visible=True).count()
