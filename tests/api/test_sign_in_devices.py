"""Sessions that show device and place of the sign-in, and the report of a new device."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from sqlalchemy import delete, select

from durable.tables import RunRecord
from models import accounts
from models.accounts import sign_in_devices
from models.core.database import transaction
from settings import settings
from tests.conftest import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)


def login(client: Any, user_agent: str = FIREFOX, ip: str = "198.51.100.7") -> str:
    """Signs in. Returns the id of the session."""
    answer = client.post(
        "/v1/auth/login", json={"username": "customer", "password": PASSWORD}, headers={"User-Agent": user_agent},
        environ_overrides={"REMOTE_ADDR": ip},
    )  # fmt: skip
    token = {"Authorization": f"Bearer {answer.json['access_token']}"}
    shown = client.get("/v1/me/sessions", headers=token).json["data"]
    return str(next(one["id"] for one in shown if one["current"]))


def reported() -> list[str]:
    """The sessions that users were told of."""
    with transaction() as session:
        runs = session.scalars(select(RunRecord.input).where(RunRecord.workflow == "new_device").order_by(RunRecord.id))
        return [run["session_id"] for run in runs]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GeoIP database that knows one network."""
    file = tmp_path / "places.mmdb"
    write_places(file, "London")
    monkeypatch.setattr(sign_in_devices, "settings", settings.model_copy(update={"geoip_database": str(file)}))
    return file


def write_places(file: Path, city: str) -> None:
    writer = MMDBWriter(ip_version=4, database_type="Test-City", languages=["en"])
    place = {"city": {"names": {"en": city}}, "country": {"iso_code": "GB"}}
    writer.insert_network(IPSet(["198.51.100.0/24"]), place)
    writer.to_db_file(str(file))


def test_a_session_shows_device_place_network_and_method(client: Any, customer: Any, places: Path) -> None:
    opened = login(client)
    shown = {one["id"]: one for one in customer.get("/v1/me/sessions").json["data"]}
    assert [shown[opened][name] for name in ("device", "place", "network", "method")] == [
        "Firefox on Linux", "London, GB", "198.51.100.0/24", "password",
    ]  # fmt: skip
    assert [shown[customer.session_id][name] for name in ("device", "place")] == [None, None]


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [(PHONE, "Mobile Safari on iOS"), ("curl/8.5.0", "curl"), ("", None), ("x" * 10_000, None)],
)
def test_devices_are_described_by_browser_and_system(user_agent: str, device: str | None) -> None:
    assert sign_in_devices.find_origin(user_agent, None) == sign_in_devices.Origin(device, None, None)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"), ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"), ("unix", None), (None, None),
    ],
)  # fmt: skip
def test_the_network_of_an_address(ip: str | None, network: str | None) -> None:
    assert sign_in_devices.network_of(ip) == network


def test_a_database_of_places_is_read_anew_when_it_is_replaced(places: Path) -> None:
    assert sign_in_devices.find_origin(None, "198.51.100.7").place == "London, GB"
    assert sign_in_devices.find_origin(None, "192.0.2.1").place is None
    newer = places.with_name("newer")
    write_places(newer, "Leeds")
    newer.replace(places)
    assert sign_in_devices.find_origin(None, "198.51.100.7").place == "Leeds, GB"


def test_a_broken_database_of_places_prevents_no_sign_in(
    client: Any, customer: Any, places: Path, caplog: pytest.LogCaptureFixture
) -> None:
    places.unlink()
    login(client)
    places.write_text("no database")
    login(client)
    assert caplog.text.count("SHOP_GEOIP_DATABASE cannot be read") == 2


def test_a_new_device_is_reported_once(client: Any, customer: Any) -> None:
    assert reported() == []  # nor is that of the registration
    first = login(client)
    for _ in range(2):
        login(client, ip="198.51.100.99")  # the same network
    phone = login(client, PHONE)
    abroad = login(client, ip="203.0.113.5")
    assert reported() == [first, phone, abroad]


def test_a_registration_is_not_reported(client: Any) -> None:
    body = {
        "username": "ada", "email": "ada@example.org", "password": PASSWORD, "first_name": "Ada",
        "last_name": "Lovelace", "address": {"line1": "1 Lane", "city": "London", "country": "GB"},
    }  # fmt: skip
    assert client.post("/v1/auth/register", json=body).status_code == 201
    assert client.post("/v1/auth/login", json={"username": "ada", "password": PASSWORD}).status_code == 200
    assert reported() == []


def test_concurrent_sign_ins_from_a_new_device_are_reported_once(app: Any, client: Any, customer: Any) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: login(app.test_client()), range(4)))
    assert len(reported()) == 1


def test_the_hashes_of_devices_are_erased_with_the_account(client: Any, customer: Any) -> None:
    login(client)
    with transaction() as session:
        hashes = session.scalars(select(accounts.KnownDevice.fingerprint)).all()
    assert [len(one) for one in hashes] == [64, 64]
    assert customer.delete("/v1/me").status_code == 204
    with transaction() as session:
        assert session.scalars(select(accounts.KnownDevice)).all() == []


def test_a_device_is_new_again_once_it_was_not_used_for_long(client: Any, customer: Any) -> None:
    login(client)
    with transaction() as session:
        session.execute(delete(accounts.KnownDevice).where(accounts.KnownDevice.user_id == customer.user_id))
        sign_in_devices.note_device(session, customer.user_id, sign_in_devices.Origin("old", None, None))
    again = login(client)
    assert reported()[-1] == again
