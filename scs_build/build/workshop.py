"""What every step may use while it runs: the graph, the store, the engine, the results before it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from scs_build.build.failed import keep_state, log_of
from scs_build.build.records import Record
from scs_build.engines.outcome import is_disk_full
from scs_build.engines.spec import Engine, StepSpec
from scs_build.engines.tools import ToolsTree
from scs_build.errors import ResultError, ScsBuildError, StepError, UnexplainedError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.python.installed import Environment
from scs_build.oci.tree import MergedTree
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.progress import Progress
from scs_build.recipes.catalogue import Component
from scs_build.recipes.patterns import Matcher
from scs_build.recipes.rules import FIELDS, NO_RULES, Rules
from scs_build.store.store import Store


@dataclass(frozen=True)
class Workshop:
    """Everything of one build; `records` maps step names to the results that are there already."""

    graph: Graph
    store: Store
    make_engine: Callable[[ToolsTree], Engine]
    jobs: int
    progress: Progress
    records: Mapping[str, Record]
    rules: Rules = NO_RULES

    def component(self, step: Step) -> Component:
        """Return the component that a step works for."""
        return self.graph.catalogue.component(step.subject)

    @cached_property
    def tools(self) -> ToolsTree:
        """The tools tree; its step has run."""
        return ToolsTree(self.tree(self.graph.tools()))

    @cached_property
    def engine(self) -> Engine:
        """The engine that runs the steps of this build."""
        return self.make_engine(self.tools)

    def at(self, step: Step) -> Workshop:
        """Return the workshop for a step: with the rules on paths that its facts name, and no others."""
        rules = self.graph.rules_for(step.kind, step.subject, step.artefacts)
        return replace(self, rules=rules, make_engine=lambda _: self.engine)

    @cached_property
    def dropped(self) -> Matcher:
        """Matches the paths that the image does not ship."""
        return Matcher([rule.path for rule in self.rules.dropped])

    @cached_property
    def generated(self) -> Matcher:
        """Matches the paths that programs make while packages are installed."""
        return Matcher([rule.path for rule in self.rules.generated])

    def matched(self) -> dict[str, list[str]]:
        """Return the patterns of the rules that matched a path so far, by field."""
        return {
            field: sorted({getattr(self.rules, field)[index].path for index in getattr(self, field).matched})
            for field in FIELDS
        }

    @cached_property
    def environment(self) -> Environment:
        """Where the files of wheels lie in an image."""
        return Environment.of(self.graph.series.python)

    def tree(self, step: Step) -> Path:
        """Return the directory that a tree step left."""
        key = self.records[step.name]["uses"]["trees"][0]
        tree = self.store.tree(key)
        assert tree is not None, f"{step.name} was checked before"
        return tree

    def stack(self, step: Step) -> tuple[Path, ...]:
        """Return the trees that make up an install step's file system, lowest first."""
        return tuple(self.tree(part) for part in tree_chain(step))

    def merged(self, step: Step) -> MergedTree:
        """Return the merged view on an install step's file system."""
        return MergedTree(self.stack(step))

    def members(self, artefact: Artefact) -> tuple[Member, ...]:
        """Return what an artefact brings, read once and remembered in the store."""
        from scs_build.build.members import members_of

        return members_of(self.store, artefact)

    @contextmanager
    def run(self, spec: StepSpec) -> Iterator[Path]:
        """Run a step and lend its changes; they are gone when the context ends.

        When the step fails, or what it made is refused, they are kept for `scs-build shell`.
        """
        with self.store.scratch(spec.name.replace(":", "-")) as scratch:
            into, log = scratch / "changes", scratch / "log"
            into.mkdir()
            try:
                self.engine.run(spec, into, log)
                yield into
            except (StepError, UnexplainedError) as error:
                raise self._kept(spec, error, log, into) from error

    @contextmanager
    def judging(self, step: Step, stack: tuple[Path, ...]) -> Iterator[None]:
        """Keep a tree that steps before left, for `scs-build shell`, when what it holds is refused."""
        try:
            yield
        except UnexplainedError as error:
            with self.store.scratch("judged") as scratch:
                log, left = scratch / "log", scratch / "changes"
                log.touch()
                left.mkdir(mode=0o755)
                raise self._kept(StepSpec(step.name, (), stack), error, log, left) from error

    def _kept(self, spec: StepSpec, error: ResultError, log: Path, left: Path) -> ScsBuildError:
        """Keep the log of a failed step and what it left, and say how to look at that and run it again."""
        if is_disk_full(log):
            return self.store.disk_full(f"{spec.name} needs more room")
        if isinstance(error, StepError) and error.cancelled:
            return error
        kept = log_of(self.store, spec.name)
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(log, kept)
        with kept.open("a", encoding="utf-8") as stream:
            stream.write(f"\n{error}\n")
        series = self.graph.series.name
        state = keep_state(self.store, series, spec, left)
        look = f"`scs-build shell {state.image} --series {series}` is a shell in what it left"
        if isinstance(error, UnexplainedError):
            return UnexplainedError(error.reason, where=error.where, solution=f"{error.solution}\n{look}")
        return StepError(
            f"{error.reason}\n  the whole log: {kept}",
            solution=f"{look}; `scs-build build --series {series}` runs it again, and no finished step",
        )

    @contextmanager
    def folder(self, artefacts: Mapping[str, Artefact], files: Mapping[str, bytes | Path]) -> Iterator[Path]:
        """Lend a directory with artefacts of the store and other files, by relative name."""
        with self.store.scratch("input") as folder:
            for name, artefact in artefacts.items():
                link_or_copy(self.store.blob(artefact.sha256), folder / name)
            for name, content in files.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    link_or_copy(content, target)
                else:
                    target.write_bytes(content)
            _open_to_all(folder)
            yield folder


def _open_to_all(folder: Path) -> None:
    """Fix the modes that a step sees of its inputs: this process has the umask of whoever started it.

    Files with other names, such as those of the store, have modes already.
    """
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
        elif path.stat().st_nlink == 1:
            path.chmod(0o644)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where the file system cannot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def tree_chain(step: Step) -> tuple[Step, ...]:
    """Return the tree steps that lie under a step's own tree, and the step; lowest first."""
    if step.kind == "install":
        return (*tree_chain(step.needs[0]), step)
    return (step,) if step.kind in ("scaffold", "tools") else ()
