"""A private apt: the suites of a series, verified, without anything of the host's configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scs_build.errors import FetchError, ProgramError, ResolutionError
from scs_build.inputs.deb.keys import archive_key
from scs_build.inputs.deb.mirrors import Archive, mirrors
from scs_build.inputs.deb.package import Package
from scs_build.inputs.locking import TIMEOUT
from scs_build.progress import Silent
from scs_build.run import Completed, clean_environment, run

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.models import Series
    from scs_build.recipes.site import Site

CONFIGURATION = """\
Dir "{root}/";
Dir::State "{root}";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::State::extended_states "{root}/extended_states";
Dir::Cache "{root}";
Dir::Cache::archives "{root}/archives";
Dir::Log "{root}/log";
Dir::Etc "{root}/etc";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/etc";
Dir::Etc::preferences "{root}/preferences";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "{user}";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
Acquire::Retries "3";
Acquire::http::Timeout "{timeout}";
Acquire::https::Timeout "{timeout}";
"""
SOURCE = """\
Types: deb
URIs: {url}
Suites: {suites}
Components: main
Architectures: {architecture}
Signed-By: {key}
"""
# What apt says about a mirror that did not deliver while another one may.
IGNORED = re.compile(r"^Ign:\d+ (\S+)", re.MULTILINE)
URI_LINE = re.compile(r"^'[^']*' (?P<name>[^_ ]+)_(?P<version>[^_ ]+)_[^_ ]+\.deb \d+ ")


def host_apt(program: str) -> list[str]:
    """Return how to start a program of the host's apt."""
    return [program]


class AptState:
    """A private apt root in `directory`; the package indices in it are reused by later calls.

    `keys` is the folder of the archive keys. `apt` returns how a program (`apt-get`, `apt-cache`) is started.
    `timeout` are the seconds that a mirror has for an answer; where there are several, apt goes on with the
    next one.
    """

    def __init__(
        self,
        directory: Path,
        site: Site,
        series: Series,
        platform: str,
        keys: Path,
        apt: Callable[[str], list[str]] = host_apt,
        progress: Progress | None = None,
        timeout: int = TIMEOUT,
    ) -> None:
        self.root = directory.resolve()
        self._progress = progress or Silent()
        self.architecture = platform.partition("/")[2]
        self._apt = apt
        self._updated = False
        for folder in ("lists/partial", "archives/partial", "etc", "log"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        # Root reads what lies in a private directory; apt's own user could not.
        settings = CONFIGURATION.format(
            root=self.root, architecture=self.architecture, user="root", timeout=timeout
        )
        (self.root / "apt.conf").write_text(settings)
        (self.root / "etc" / "series.sources").write_text(self._sources(site, series, keys))
        self._prepare((), {})

    def _sources(self, site: Site, series: Series, keys: Path) -> str:
        security = tuple(s for s in series.debian.suites if s.endswith("-security"))
        main = tuple(s for s in series.debian.suites if s not in security)
        stanzas = []
        suites: Mapping[Archive, tuple[str, ...]] = {"debian": main, "security": security}
        for archive, names in suites.items():
            if names:
                key = archive_key(keys.resolve(), series.debian.release, archive)
                url = self._address(archive, mirrors(site, archive))
                text = SOURCE.format(url=url, suites=" ".join(names), architecture=self.architecture, key=key)
                stanzas.append(text)
        return "\n".join(stanzas)

    def _address(self, archive: Archive, urls: Sequence[str]) -> str:
        """Return what apt is told about an archive: its one mirror, or the list of them, best first."""
        if len(urls) == 1:
            return f"{urls[0]}/"
        path = self.root / f"{archive}.mirrors"
        path.write_text("".join(f"{url}/\tpriority:{number}\n" for number, url in enumerate(urls, 1)))
        return f"mirror+file:{path}"

    def update(self) -> None:
        """Refresh the indices once; raises `FetchError` where a suite cannot be had or verified."""
        if self._updated:
            return
        self._prepare((), {})
        try:
            done = self._run("apt-get", "update", "--error-on=any", "-q")
        except ProgramError as error:
            raise FetchError(
                f"apt could not refresh or verify the package indices: {error.reason}",
                solution="look at the mirrors of the site configuration and the clock of this machine",
            ) from error
        for url in dict.fromkeys(IGNORED.findall(done.stdout.decode(errors="replace"))):
            self._progress.say(f"the Debian mirror {url} did not deliver: apt went on with the next one")
        self._updated = True

    def show(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Package]:
        """Return those of the (name, version) pairs that the indices hold."""
        from debian.deb822 import Packages

        self.update()
        names = sorted(f"{name}={version}" for name, version in wanted)
        if not names:
            return {}
        text = self._run("apt-cache", "show", *names, accept=(0, 100)).stdout
        packages = map(Package.from_stanza, Packages.iter_paragraphs(text, use_apt_pkg=False))
        return {(package.name, package.version): package for package in packages}

    def solve(
        self,
        names: Sequence[str],
        installed: Iterable[Package] = (),
        *,
        prefer: Mapping[str, str] | None = None,
        also: Iterable[Package] = (),
    ) -> list[Package]:
        """Return what apt would install for `names` onto `installed`, exactly, sorted by name.

        `prefer` maps names to the versions to take, `also` are packages that the indices no longer hold.
        What is installed stays as it is. Raises `ResolutionError` with apt's words when that cannot be.
        """
        self.update()
        held = {package.name: package for package in installed}
        vanished = {package.name: package for package in also}
        wanted = [name for name in names if name not in held]
        if not wanted:
            return []
        pins = {**(prefer or {}), **{name: package.version for name, package in held.items()}}
        self._prepare(held.values(), pins)
        extra = self.root / "Packages"
        extra.write_text("\n".join(_index_stanza(package) for package in vanished.values()))
        sources = ["--with-source", str(extra)] if vanished else []
        try:
            done = self._run("apt-get", "install", "--print-uris", "-qq", "-y", *sources, "--", *wanted)
        except ProgramError as error:
            raise ResolutionError(f"apt finds no solution: {error.reason}") from error
        chosen = [(m["name"], unquote(m["version"])) for m in map(URI_LINE.match, _lines(done)) if m]
        changed = sorted(name for name, _ in chosen if name in held)
        if changed:
            raise ResolutionError(
                f"other versions of packages below are needed: {', '.join(changed)}",
                solution="lock them again too: `scs-build lock --upgrade`",
            )
        known = self.show(chosen)
        found = [known.get(pair) or vanished.get(pair[0]) for pair in chosen]
        return sorted((package for package in found if package), key=lambda package: package.name)

    def _prepare(self, installed: Iterable[Package], pins: Mapping[str, str]) -> None:
        status = "\n".join(package.paragraph(Status="hold ok installed") for package in installed)
        (self.root / "status").write_text(status)
        lines = [f"Package: {n}\nPin: version {v}\nPin-Priority: 1001\n" for n, v in sorted(pins.items())]
        (self.root / "preferences").write_text("\n".join(lines))

    def _run(self, program: str, *args: str, accept: tuple[int, ...] = (0,)) -> Completed:
        environment = clean_environment({"APT_CONFIG": str(self.root / "apt.conf")})
        return run([*self._apt(program), *args], env=environment, accept=accept, timeout=900)


def _lines(done: Completed) -> list[str]:
    return done.stdout.decode(errors="replace").splitlines()


def _index_stanza(package: Package) -> str:
    return package.paragraph() + f"Filename: {package.path}\nSize: {package.size}\nSHA256: {package.sha256}\n"
