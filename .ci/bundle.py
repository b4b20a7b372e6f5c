"""Put all that tells why a run of `.ci/run` failed into one archive, and print the command that repeats it.

`bundle.py RESULTS ARCHIVE`: RESULTS is the folder of the run, with `make.log`, a JUnit file of each run of
pytest, and `began`, written first. It must work where the set-up itself failed, so it needs nothing but
Python, and what cannot be had is left out with the reason in its place.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
SCS_BUILD = ROOT / ".venv/bin/scs-build"
# How the Makefile runs each part.
PARTS = {
    "unit": "unshare --net .venv/bin/python -m pytest",
    "integration": ".venv/bin/python -m pytest",
    "zuul": "unshare --net .venv-zuul/bin/python -m pytest",
    "roles": ".venv-zuul/bin/python -m pytest",
}
TARGET = re.compile(r"make(?:\[\d+\])?: \*\*\* \[(?:[^\]]*: )?(?P<target>[^\]:]+)\]")
# A log is read from its end; of a longer one the rest says nothing.
LOG_BYTES = 10_000_000
NAMED = 20
SECONDS = 120


def failed_tests(results: Path) -> dict[str, list[str]]:
    """Return the node ids of the tests that failed, by the part of the run."""
    found: dict[str, list[str]] = {}
    for path in sorted(results.glob("*.xml")):
        try:
            cases = ET.parse(path).getroot().iter("testcase")
        except ET.ParseError:
            continue
        wrong = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        if ids := list(dict.fromkeys(map(node_id, wrong))):
            found[path.stem] = ids
    return found


def node_id(case: ET.Element) -> str:
    """Return what pytest takes for a test case; of a module that could not be read its path."""
    module, name = case.get("classname", ""), case.get("name", "")
    parts = (module or name).split(".")
    for end in range(len(parts), 0, -1):
        path = Path(*parts[:end]).with_suffix(".py")
        if (ROOT / path).is_file():
            return "::".join((path.as_posix(), *parts[end:], *([name] if module else [])))
    return (module or name).replace(".", "/")


def repeating(results: Path) -> list[str]:
    """Return the commands that repeat what failed: the tests themselves, else the targets of make."""
    commands = []
    for part, ids in failed_tests(results).items():
        named = ids if len(ids) <= NAMED else list(dict.fromkeys(each.partition("::")[0] for each in ids))
        commands.append(f"{PARTS.get(part, '.venv/bin/python -m pytest')} {shlex.join(named)}")
    if commands:
        return commands
    log = results / "make.log"
    targets = TARGET.findall(log.read_text(errors="replace")) if log.is_file() else []
    # The first is what failed, the others are those that called for it.
    return [f"make {shlex.quote(targets[0])}"] if targets else ["make test"]


def answer(*argv: str | Path) -> bytes:
    """Return what a program says, with its status where that is not 0; it may be missing."""
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error}\n".encode()
    ended = f"\n(status {done.returncode})\n".encode() if done.returncode else b""
    return done.stdout + done.stderr + ended


def facts() -> Iterator[tuple[str, bytes]]:
    """Yield what the machine and the checkout say, by name."""
    yield "plan.json", answer(SCS_BUILD, "plan", "--json")
    yield "doctor.json", answer(SCS_BUILD, "doctor", "--json")
    versions = (
        ("git", "log", "-1", "--format=%H %cI %s"), ("git", "status", "--short"), ("uname", "-a"),
        ("cat", "/etc/os-release"), (sys.executable, "--version"), (SCS_BUILD, "--version"),
        (ROOT / ".venv/bin/uv", "pip", "freeze", "--python", ROOT / ".venv/bin/python"), ("df", "-h", ROOT),
    )  # fmt: skip
    said = (f"$ {shlex.join(map(str, argv))}\n".encode() + answer(*argv) for argv in versions)
    yield "versions.txt", b"\n".join(said)


def logs(results: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the logs of this run: of steps that failed, of services, of malfunctions."""
    began = (results / "began").stat().st_mtime
    store = Path(answer(SCS_BUILD, "store", "path").decode().strip() or "/nonexistent")
    for name, folder, pattern in (
        ("steps", store / "logs", "*.log"),
        ("services", ROOT / "out/logs", "**/*.log"),
        ("malfunctions", Path(tempfile.gettempdir()), "scs-build-*.log"),
    ):
        for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
            if path.stat().st_mtime >= began:
                yield f"logs/{name}/{path.relative_to(folder)}", tail(path)


def tail(path: Path) -> bytes:
    """Return the end of a file."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - LOG_BYTES))
        return stream.read()


def main(results: Path, archive: Path) -> None:
    """Write the archive in one move, and tell where it is and how to repeat what failed."""
    commands = repeating(results)
    text = "".join(f"{command}\n" for command in commands)
    entries = [("repeat.txt", text.encode()), *facts(), *logs(results)]
    entries += [(f"results/{path.name}", tail(path)) for path in sorted(results.iterdir()) if path.is_file()]
    archive.parent.mkdir(parents=True, exist_ok=True)
    beside = archive.with_name(f".{archive.name}")
    with tarfile.open(beside, "w:gz") as tar:
        for name, data in entries:
            info = tarfile.TarInfo(f"ci-failure/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    beside.replace(archive)
    sys.stderr.write(f"\nfailed; all that tells why: {archive}\nto repeat it here:\n{text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
