"""Playbooks of this checkout, run by the real Ansible on this machine with Zuul's own `zuul_return`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks/build-scs-images"


@dataclass(frozen=True)
class Play:
    """A run of playbooks: its exit status, what it said, what it returned to Zuul."""

    status: int
    said: str
    returned: dict[str, Any]

    @property
    def changed(self) -> int:
        """How many tasks changed something, by Ansible's recap."""
        return sum(int(count) for count in re.findall(r"\bchanged=(\d+)", self.said))


class Job:
    """The folders of a job of Zuul, and its variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "work/results.json"
        plugins = folder / "plugins"
        for path in (self.results.parent, plugins):
            path.mkdir(parents=True)
        # Only this one: the others of Zuul replace modules of Ansible and want a whole executor.
        import zuul.ansible.base.action as actions

        (plugins / "zuul_return.py").symlink_to(Path(actions.__path__[0]) / "zuul_return.py")
        self.environment = {
            **os.environ,
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_ACTION_PLUGINS": str(plugins),
            "ANSIBLE_HOME": str(folder / "ansible"),
            # As Zuul's executor sets it.
            "ANSIBLE_GATHERING": "smart",
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ZUUL_JOBDIR": str(folder),
        }
        # Where Zuul puts the project under test on a machine; all else follows from the roles' defaults.
        self.home = folder / "home"
        checkout = Path("src/review.example.org/scs/scs-build")
        (self.home / checkout).parent.mkdir(parents=True)
        (self.home / checkout).symlink_to(ROOT)
        self.variables: dict[str, Any] = {
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_user_dir": str(self.home),
            "zuul": {"project": {"src_dir": str(checkout)}},
        }

    def play(self, *playbooks: str, **variables: Any) -> Play:
        """Run playbooks as the executor does: what was returned before is kept, so begin anew."""
        self.results.write_text("")
        ansible = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local"]
        given = ["-e", json.dumps({**self.variables, **variables})]
        done = subprocess.run(
            [*ansible, *given, *(PLAYBOOKS / name for name in playbooks)],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        returned = json.loads(self.results.read_text() or '{"data": {}}')["data"]
        return Play(done.returncode, done.stdout + done.stderr, returned)


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(tmp_path_factory.mktemp("job"))
