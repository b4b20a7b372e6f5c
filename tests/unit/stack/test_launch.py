import os
from pathlib import Path

import pytest

from scs_build.build.runnable import RunnableImage
from scs_build.stack.launch import Workplace
from scs_build.stack.reader import parse_compose
from tests.unit.stack.compose_text import VALID

ME = os.getuid()


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    source = tmp_path / "stack"
    (source / "config").mkdir(parents=True)
    (source / "config/store.conf.j2").write_text("password={{ secrets.password }} {{ values.x }}")
    (tmp_path / "run").mkdir()
    return Workplace(parse_compose(VALID.encode(), "c"), source, tmp_path / "run", "2026.1", {"x": 1})


@pytest.fixture
def image(tmp_path: Path) -> RunnableImage:
    (tmp_path / "layer/var/lib/store").mkdir(parents=True)
    layers, environment = (tmp_path / "layer",), {"PATH": "/usr/bin"}
    command = ("/usr/bin/store",)
    return RunnableImage("store", "sha256:0", layers, ME, os.getgid(), command, environment, "/", (), 0, 0)


def test_secrets_and_configuration_are_for_the_user_of_the_service_only(
    workplace: Workplace, image: RunnableImage
) -> None:
    sandbox = workplace.prepare("store", image).sandbox
    secret, config = sandbox.inputs["/run/secrets/password"], sandbox.inputs["/etc/store.conf"]
    assert secret.read_text() == workplace.secrets["password"]
    assert config.read_text() == f"password={workplace.secrets['password']} 1"
    for path in (secret, config):
        assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o400, ME)


def test_a_service_is_not_root_and_can_write_only_where_its_file_says(
    workplace: Workplace, image: RunnableImage
) -> None:
    sandbox = workplace.prepare("store", image).sandbox
    assert (sandbox.uid, sandbox.capabilities, sandbox.upper) == (ME, (), None)
    assert set(sandbox.binds) == {"/var/lib/store"}
    assert sandbox.tmpfs == {"/run": 0o755, "/tmp": 0o1777, "/run/store": 0o700}


def test_no_secret_is_on_a_command_line(workplace: Workplace, image: RunnableImage) -> None:
    launch = workplace.prepare("setup", image)
    secret = workplace.secrets["password"]
    assert launch.environment == {"PATH": "/usr/bin", "PASSWORD": secret}
    assert launch.sandbox.environment is None
    assert launch.sandbox.argv == ("/usr/bin/setup", "2026.1")


def test_the_healthcheck_is_taken_without_its_first_word(workplace: Workplace, image: RunnableImage) -> None:
    assert workplace.prepare("store", image).test == ("/usr/bin/ask", "--cost=$5")


def test_services_find_each_other_by_name(workplace: Workplace, image: RunnableImage) -> None:
    hosts = workplace.prepare("web", image).sandbox.inputs["/etc/hosts"].read_text()
    assert hosts.splitlines()[0].split() == ["127.0.0.1", "localhost", "store", "setup", "web"]
