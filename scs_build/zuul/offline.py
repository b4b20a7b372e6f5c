"""The one place that touches Zuul's own code: its parsers and its job graph, without any of its servers.

All of this is private to Zuul, so its version is exact. What a scheduler would do over ZooKeeper is done here
with the same objects: a tenant from its file, a layout from the projects' files, a change that is enqueued.
"""

from __future__ import annotations

import configparser
import importlib
import logging
import re
import uuid
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from scs_build.errors import Location, ProgramError, ZuulError
from scs_build.zuul.configuration import Configuration, Finding, FrozenJob, Job, Pattern, Stanza
from scs_build.zuul.deployment import Deployment, config_files

VERSION = "14.3.0"
BRANCH = "main"
# Connections that are there without being configured.
WITHOUT_CONNECTION = ("timer", "zuul")
SETUP = "`make setup-zuul` installs it beside; then call .venv-zuul/bin/scs-build"


def load(deployment: Deployment) -> Configuration:
    """Read a tenant as Zuul does; what is wrong in the projects' files is in the findings.

    Raises `ProgramError` where Zuul is not installed, `ZuulError` where the deployment cannot be read.
    """
    with _quiet():
        _require()
        return _Tenant(deployment).configuration()


def _require() -> None:
    try:
        found = metadata.version("zuul")
    except metadata.PackageNotFoundError:
        raise ProgramError("Zuul is not installed in this environment", solution=SETUP) from None
    if found != VERSION:
        raise ProgramError(f"Zuul {found} is installed, and {VERSION} is needed", solution=SETUP)


@contextmanager
def _quiet() -> Iterator[None]:
    """Zuul's libraries warn of each other, and its loaders log what they also return as errors."""
    logging.getLogger("zuul").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _prepare() -> None:
    """Set what Zuul keeps once per process: the version of its data model, and traces that go nowhere."""
    from zuul.lib import tracing
    from zuul.model_api import MODEL_API
    from zuul.zk.components import COMPONENT_REGISTRY

    COMPONENT_REGISTRY.registry = SimpleNamespace(model_api=MODEL_API)
    tracing.Tracing(configparser.ConfigParser())


class _Connections:
    """The connections of a `zuul.conf`, as Zuul's registry has them.

    That one imports the drivers of every cloud and forge, which takes longer than all the rest together.
    """

    def __init__(self, config: configparser.ConfigParser) -> None:
        from zuul.connection import BaseConnection

        self.connections: dict[str, Any] = {}
        for section in config.sections():
            kind, _, name = section.partition(" ")
            if kind == "connection":
                driver = _driver(config[section].get("driver", ""))
                self.connections[name] = driver.getConnection(name, dict(config[section]))
        for name in WITHOUT_CONNECTION:
            self.connections[name] = BaseConnection(_driver(name), name, {})

    def getSource(self, name: str) -> Any:  # noqa: N802 - Zuul's names
        return self._driver_of(name, "getSource")

    def getReporter(self, name: str, *settings: Any) -> Any:  # noqa: N802
        return self._driver_of(name, "getReporter", *settings)

    def getTrigger(self, name: str, *settings: Any) -> Any:  # noqa: N802
        return self._driver_of(name, "getTrigger", *settings)

    def _driver_of(self, name: str, method: str, *settings: Any) -> Any:
        connection = self.connections[name]
        return getattr(connection.driver, method)(connection, *settings)


def _driver(name: str) -> Any:
    """Return a new driver; raises `ModuleNotFoundError` when Zuul has none of this name."""
    from zuul.driver import Driver

    module = importlib.import_module(f"zuul.driver.{name}")
    kinds = (
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Driver)
    )
    return next(kind for kind in kinds if getattr(kind, "name", None) == name)()


class _Tenant:
    """The tenant of a deployment with its layout."""

    def __init__(self, deployment: Deployment) -> None:
        from zuul import configloader, model
        from zuul.lib.ansible import AnsibleManager

        _prepare()
        self.deployment = deployment
        self.folders: dict[str, Path] = {}
        config = self._read_config()
        connections = self._connections(config)
        globals_, system = model.SystemAttributes.fromConfig(config), SimpleNamespace(system_id="offline")
        # Nobody asks ZooKeeper, the scheduler or the key store anything but for the keys of projects.
        keys = mock.Mock(
            **{f"getProject{kind}Keys.return_value": (None, None) for kind in ("Secrets", "SSH")}
        )
        loader = configloader.ConfigLoader(
            connections, system, mock.Mock(), globals_, None, scheduler=mock.Mock(), keystorage=keys
        )
        ansible = AnsibleManager()
        self.parser = loader.tenant_parser
        self.context = configloader.ParseContext(connections, globals_, system, ansible)
        self.tenant = self._read_tenant(loader)
        self.tenant.default_ansible_version = ansible.default_version
        self.layout = self.tenant.layout = self._read_layout()

    def _read_config(self) -> configparser.ConfigParser:
        path = self.deployment.file("zuul.conf")
        config = configparser.ConfigParser(interpolation=None)
        try:
            config.read_string(path.read_text(), str(path))
        except configparser.Error as error:
            place = Location(self.deployment.shown(path), getattr(error, "lineno", None))
            raise ZuulError(error.message.replace("\n", " "), where=place) from error
        return config

    def _connections(self, config: configparser.ConfigParser) -> _Connections:
        try:
            return _Connections(config)
        except Exception as error:  # each driver has its own ways to refuse
            place = Location(self.deployment.shown(self.deployment.file("zuul.conf")))
            raise ZuulError(f"a connection is not valid: {error}", where=place) from error

    def _read_tenant(self, loader: Any) -> Any:
        from zuul import model

        place, abide = self._tenant_place(), model.Abide()
        try:
            unparsed = loader.readConfig(str(self.deployment.file("main.yaml")))
            loader.loadTPCs(abide, unparsed)
        except Exception as error:  # YAML, schema and sources, each in its own way
            raise ZuulError(str(error), where=place) from error
        if len(unparsed.tenants) != 1:
            raise ZuulError("there must be exactly one tenant", where=place)
        [(name, fields)] = unparsed.tenants.items()
        tenant = model.Tenant(name)
        tenant.default_base_job = fields.get("default-parent", "base")
        tenant.use_nodepool = fields.get("use-nodepool", True)
        if "max-job-timeout" in fields:
            tenant.max_job_timeout = int(fields["max-job-timeout"])
        tenant.semaphore_handler = SimpleNamespace(abide=abide)
        for project in abide.getAllTPCs(name):
            tenant.addTPC(project)
        return tenant

    def _read_layout(self) -> Any:
        from zuul import model

        parsed = model.ParsedConfig()
        for project in self.tenant.project_configs.values():
            folder = self.deployment.folder_of(project.project.name, trusted=project.trusted)
            if folder in self.folders.values():
                raise ZuulError("there must be exactly one config project", where=self._tenant_place())
            if folder is not None:
                self.folders[project.project.canonical_name] = folder
                for path in config_files(folder):
                    self._read_file(project, path, str(path.relative_to(folder)), parsed)
        self.own = self._own()
        return self.parser._parseLayout(self.tenant, parsed, self.context)  # noqa: SLF001

    def _read_file(self, project: Any, path: Path, name: str, parsed: Any) -> None:
        from zuul import model

        own = project.project
        source = model.SourceContext(own.canonical_name, own.name, own.connection_name, BRANCH, name)
        with self.context.errorContext(source_context=source):
            file = self.parser.loadProjectYAML(path.read_text(), source, self.context)
        self.parser.addProjectBranchConfig(
            self.context, parsed, self.tenant, project, file, trusted=project.trusted
        )

    def configuration(self) -> Configuration:
        """Return all of it in plain values."""
        layout = self.layout
        return Configuration(
            findings=tuple(self._finding(error) for error in layout.loading_errors),
            jobs=tuple(self._job(job) for jobs in layout.jobs.values() for job in jobs if job.source_context),
            stanzas=tuple(self._stanzas()),
            pipelines=frozenset(layout.pipeline_managers),
            semaphores=frozenset(layout.semaphores),
            images=frozenset(layout.images),
            freeze=self.freeze,
        )

    def _finding(self, error: Any) -> Finding:
        """Zuul's message ends with the line of the attribute; without one, the object's own is taken."""
        lines = re.findall(r"\bline (\d+)", error.error)
        mark = error.key.mark
        line = int(lines[-1]) if lines else mark.line + 1 if mark else None
        reason = " ".join(error.short_error.split())
        return Finding(self._place(error.key.context, line), reason, str(error.severity))

    def _place(self, source: Any, line: int | None) -> Location:
        folder = self.folders.get(source.project_canonical_name)
        if folder is None or source.path is None:
            return self._tenant_place()
        return Location(self.deployment.shown(folder / source.path), line)

    def _place_of(self, thing: Any) -> Location:
        return self._place(thing.source_context, thing.start_mark.line + 1)

    def _job(self, job: Any) -> Job:
        files = {"files": job.file_matcher, "irrelevant-files": job.irrelevant_file_matcher}
        return Job(
            name=job.name,
            where=self._place_of(job),
            folder=self.folders[job.source_context.project_canonical_name],
            parent=self.tenant.default_base_job if job.parent is None else str(job.parent),
            abstract=bool(job.abstract),
            branches=job.explicit_branch_matcher is not None,
            playbooks=tuple(book.path for book in job.all_playbooks),
            vars_files=tuple(
                file.name
                for file in job.include_vars
                if file.required and file.project_name == job.source_context.project_canonical_name
            ),
            semaphores=tuple(semaphore.name for semaphore in _semaphores(job)),
            image=job.image_build_name,
            patterns=tuple(
                Pattern(name, regex.pattern, regex.match)
                for name, matcher in files.items()
                for regex in (matcher.regexes if matcher else ())
            ),
        )

    def _stanzas(self) -> Iterator[Stanza]:
        projects = [config for configs in self.layout.project_configs.values() for config in configs]
        templates = [one for several in self.layout.project_templates.values() for one in several]
        for kind, configs in (("project", projects), ("project-template", templates)):
            for config in configs:
                jobs = {name: tuple(part.job_list.jobs) for name, part in config.pipelines.items()}
                yield Stanza(kind, config.name, self._place_of(config), jobs)

    def freeze(self, pipeline: str, paths: Collection[str]) -> tuple[FrozenJob, ...]:
        """Return the jobs that run for a change of these paths to the checkout; no paths: all that can run.

        Raises `ZuulError` where Zuul refuses to run what the project asks for.
        """
        with _quiet():
            item, context = self._enqueue(pipeline, paths)
            try:
                item.freezeJobGraph(
                    self.layout, context, None, skip_file_matcher=not paths, redact_secrets_and_keys=True
                )
            except Exception as error:  # Zuul raises plain exceptions too
                raise ZuulError(f"in {pipeline}: {error}", where=self._own_place()) from error
            return tuple(
                FrozenJob(job.name, dict(job.variables), frozenset(other.name for other in job.dependencies))
                for job in item.getJobs()
            )

    def _enqueue(self, pipeline: str, paths: Collection[str]) -> tuple[Any, Any]:
        from zuul import model
        from zuul.zk.zkobject import LocalZKContext

        context = LocalZKContext(logging.getLogger("zuul"))
        manager = self.layout.pipeline_managers[pipeline]
        manager.current_context = context
        manager.state = model.PipelineState()
        manager.state._set(manager=manager)  # noqa: SLF001
        _, project = self.tenant.getProject(self.own)
        change = model.Change(project)
        change.branch, change.files = BRANCH, list(paths)
        change.cache_stat = SimpleNamespace(key=SimpleNamespace(reference=uuid.uuid4().hex))
        return model.ChangeQueue.new(context, manager=manager).enqueueChanges([change], None), context

    def _own(self) -> str:
        """Return the canonical name of the project that the checkout is."""
        for name, folder in self.folders.items():
            if folder == self.deployment.checkout:
                return name
        raise ZuulError(
            f"no untrusted project is named {self.deployment.project}",
            where=self._tenant_place(),
            solution="add it, or name it with --project",
        )

    def _tenant_place(self) -> Location:
        return Location(self.deployment.shown(self.deployment.file("main.yaml")))

    def _own_place(self) -> Location:
        configs = self.layout.project_configs.get(self.own, ())
        return next((self._place_of(config) for config in configs), Location("zuul.d"))


def _semaphores(job: Any) -> Iterator[Any]:
    yield from job.semaphores
    for book in job.all_playbooks:
        yield from book.semaphores
