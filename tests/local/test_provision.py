"""The data folder, the secrets and the ports of one machine."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.temporary_stack import PORTS
from local import provision
from settings import DEFAULT_SECRET, load


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a new data folder, with settings that pick free ports."""
    folder = tmp_path / "var"
    monkeypatch.setenv("SHOP_VAR", str(folder))
    for name in PORTS:
        monkeypatch.setenv(f"SHOP_{name.upper()}", "0")
    return folder


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_secrets_are_generated_once_and_private(var: Path) -> None:
    with provision.lock():
        first = provision.prepare()
        second = provision.prepare()
    assert first.secret_key == second.secret_key != DEFAULT_SECRET
    assert len({getattr(first, name) for name in provision.SECRETS}) == len(provision.SECRETS)
    assert stat.S_IMODE((var / "stack.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(var.stat().st_mode) == 0o700


def test_a_secret_from_the_environment_takes_precedence_and_is_not_stored(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SECRET_KEY", "of-the-operator-" * 3)
    with provision.lock():
        assert provision.prepare().secret_key == "of-the-operator-" * 3
    assert "of-the-operator" not in (var / "stack.json").read_text()


def test_port_0_picks_free_ports_and_stores_them(var: Path) -> None:
    with provision.lock():
        picked = provision.prepare()
    ports = [getattr(picked, name) for name in PORTS]
    assert len(set(ports)) == len(PORTS)
    assert 0 not in ports
    assert [getattr(load(), name) for name in PORTS] == ports


def test_reset_drops_the_settings_of_the_stack_and_keeps_the_secrets(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_WORKER_GROUPS", "one=*")
    with provision.lock():
        started = provision.prepare()
        monkeypatch.delenv("SHOP_WORKER_GROUPS")
        assert load().worker_groups == "one=*"
        provision.reset()
        provision.reset()
    assert load().worker_groups.startswith("shop=*")
    assert load().secret_key == started.secret_key
    assert set(json.loads((var / "stack.json").read_text())) == set(provision.SECRETS)


def test_a_port_in_use_is_refused_naming_its_setting(var: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "PORT_TIMEOUT", 0.2)
    monkeypatch.setenv("SHOP_FLOWER_PORT", str(taken))
    with provision.lock(), pytest.raises(provision.Unusable, match=rf"Port {taken} .*SHOP_FLOWER_PORT"):
        provision.prepare()


def test_one_port_for_two_programs_is_refused(var: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "PORT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    monkeypatch.setenv("SHOP_API_PORT", port)
    monkeypatch.setenv("SHOP_MAILBOX_PORT", port)
    with provision.lock(), pytest.raises(provision.Unusable, match="SHOP_MAILBOX_PORT"):
        provision.prepare()


def test_an_unwritable_folder_is_refused_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("SHOP_VAR", str(file / "var"))
    with pytest.raises(provision.Unusable, match="set SHOP_VAR to a writable folder"), provision.lock():
        pass
