"""Whether Ray can be had, said before anything slow."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from harness.cluster import session
from harness.cluster.session import check_ray
from harness.errors import InputError


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: object())
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(session, "ELSEWHERE", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'decoding-harness\[ray\]'"):
        check_ray(None)


def test_this_machine_needs_no_answer() -> None:
    check_ray(None)


def test_an_address_where_somebody_answers_will_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_ray(f"127.0.0.1:{server.getsockname()[1]}")


def test_an_address_where_nobody_answers_is_refused_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"cluster.address='{place}': nobody answers at {place}"):
        check_ray(place)
    assert time.monotonic() - began < session.PATIENCE + 1


@pytest.mark.parametrize("address", ["nonsense", ":6379", "host:", "host:port", "127.0.0.1:99999", "no such host:1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=rf"cluster.address='{address}'"):
        check_ray(address)


def test_rays_client_is_refused() -> None:
    with pytest.raises(InputError, match="allowed: null, auto, or the HOST:PORT"):
        check_ray("ray://127.0.0.1:10001")


def test_auto_needs_a_cluster_on_this_machine() -> None:
    with pytest.raises(InputError, match=r"cluster\.address='auto': no Ray runs on this machine"):
        check_ray("auto")


def test_auto_finds_the_cluster_that_ray_announces_and_whether_it_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "ray" / "ray_current_cluster").write_text(place)
        check_ray("auto")
    with pytest.raises(InputError, match=f"nobody answers at {place}"):
        check_ray("auto")


def test_auto_follows_rays_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        check_ray("auto")
