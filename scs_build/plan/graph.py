"""From recipes and locks to the steps of a series, without contacting anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache, cached_property

from scs_build.canonical import canonical_json, sha256_bytes, sha256_file
from scs_build.errors import LockError, RecipeError
from scs_build.inputs.artefact import Artefact
from scs_build.locks.files import read_own_lock
from scs_build.locks.fitting import refuse_unfit
from scs_build.locks.layered import lock_of
from scs_build.locks.limits import Limits
from scs_build.locks.models import Lock
from scs_build.locks.requests import stands_on
from scs_build.locks.stale import refuse_stale
from scs_build.plan.origin import layers_of
from scs_build.plan.step import Kind, Step, artefact_facts
from scs_build.recipes.catalogue import Catalogue, Component
from scs_build.recipes.layer import Layer
from scs_build.recipes.models import Series, User, said
from scs_build.recipes.patches.patch import Patch, check_patches, patches_of
from scs_build.recipes.rules import NO_RULES, Rules

# Programs of the tools tree that isolate or move, and never shape a byte of a result.
NOT_SHAPING = ("bubblewrap",)
TOOLS = "tools"
SCAFFOLD = "scaffold"
# The group of the tools tree that builds; the others are trees of their own, fetched when first needed.
CORE = "core"


def fact(value: object) -> str:
    """Return the value of a fact for anything that JSON can hold."""
    return sha256_bytes(canonical_json(value))


class Graph:
    """The steps of one series on one platform; each step is made once, when first asked for.

    A lock that does not fit what is asked for is refused, unless only the keys of what it holds are wanted
    (`fitting` is False).
    """

    def __init__(self, catalogue: Catalogue, series: Series, platform: str, *, fitting: bool = True) -> None:
        refuse_stale(catalogue, series.name)
        self.catalogue = catalogue
        self.series = series
        self.platform = platform
        self._fitting = fitting
        self.lock = cache(self._lock)
        self.install = cache(self._install)
        self.toolchain = cache(self._toolchain)
        self.content = cache(self._content)
        self.image = cache(self._image)
        self.patches = cache(self._patches)
        self.origin = cache(self._origin)
        self.rules = cache(self._rules)
        self.tools = cache(self._tools)
        self.scaffold = cache(self._scaffold)
        self.tool_facts = cache(self._tool_facts)
        self.interpreter = cache(self._interpreter)

    @cached_property
    def _limits(self) -> Limits:
        return Limits(self.catalogue, self.series.name, self.platform)

    def _origin(self, name: str) -> tuple[Layer, ...]:
        """Return the layers that touch an image, itself or through what it stands on, lowest first."""
        if not self.catalogue.layers:
            return ()
        component = self.catalogue.component(name)
        recipe = component.recipe
        below = {recipe.parent, recipe.builder} - {None}
        if recipe.kind not in (TOOLS, SCAFFOLD):
            below.add(self._single(SCAFFOLD).name)
        if recipe.kind != TOOLS:
            below.add(self._single(TOOLS).name)
        found = {*layers_of(component, self.series.name)}
        found.update(layer for other in below if other for layer in self.origin(other))
        return tuple(layer for layer in self.catalogue.layers if layer in found)

    def origin_names(self, name: str) -> tuple[str, ...]:
        """Return the names of the layers that touch an image."""
        return tuple(layer.name for layer in self.origin(name))

    def _rules(self, name: str) -> Rules:
        """Return the rules on the paths of an image: its recipe's, and those that it inherits."""
        return self.catalogue.rules(name, self.origin(name))

    def rules_for(self, kind: Kind, name: str, artefacts: Iterable[Artefact]) -> Rules:
        """Return the rules that can concern a step: they are in its facts, and it sees no others."""
        match kind:
            case "packages":
                return self.rules(name)
            case "bytecode" | "venv":
                return self.rules(name).below(self.series.python.prefix)
            case "files":
                trees = [str(artefact.data["path"]) for artefact in artefacts if artefact.data.get("unpack")]
                return self.rules(name).below(*trees)
        return NO_RULES

    def _paths_fact(self, kind: Kind, component: Component, artefacts: Iterable[Artefact]) -> str:
        return fact(self.rules_for(kind, component.name, artefacts).values())

    @cached_property
    def _python_fact(self) -> str:
        return fact(said(self.series.python, include={"version", "prefix"}))

    def _lock(self, name: str) -> Lock:
        component = self.catalogue.component(name)
        lock = read_own_lock(lock_of(component, self.series.name), self.platform)
        if not self._fitting:
            return lock
        if component.recipe.kind != TOOLS:  # tools follow no constraints
            self._limits.refuse(lock)
        refuse_unfit(self.catalogue, component, lock, map(self.lock, stands_on(self.catalogue, name)))
        return lock

    def _step(self, kind: str, component: Component, facts: dict[str, str], **rest: object) -> Step:
        name = f"{kind}:{component.name}" if kind not in (TOOLS, SCAFFOLD) else kind
        return Step(name, kind, component.name, self.platform, facts, **rest)  # type: ignore[arg-type]

    def lineage(self, name: str) -> tuple[Component, ...]:
        """Return the image's ancestors, oldest first, and itself."""
        return tuple(self.catalogue.component(part) for part in self.catalogue.lineage(name))

    def _tools(self, group: str = CORE) -> Step:
        """The tree of one group of tools: each group is closed in itself, so none changes another's key."""
        component = self._single(TOOLS)
        lock = self.lock(component.name)
        chosen = tuple(a for a in lock.artefacts if a.data.get("group", CORE) == group)
        if not chosen:
            raise LockError(
                f"the lock of {component.name} has no group {group}",
                solution=f"run: scs-build lock {component.name} --series {self.series.name}",
            )
        step = self._step(TOOLS, component, artefact_facts(chosen), artefacts=chosen)
        return step if group == CORE else replace(step, name=f"{TOOLS}:{group}")

    def _single(self, kind: str) -> Component:
        found = [c for c in self.catalogue.components.values() if c.recipe.kind == kind]
        if len(found) != 1:
            raise RecipeError(
                f"{len(found)} recipes are of kind {kind}, and there must be one",
                solution=f"look at images/bases/{kind}/recipe.yaml",
            )
        return found[0]

    def _tool_facts(self, *names: str) -> dict[str, str]:
        """Return the facts of tools that shape a result; without names, of all that can."""
        shaping = [a for a in self.tools().artefacts if a.name not in NOT_SHAPING]
        chosen = tuple(a for a in shaping if a.name in names or (not names and a.kind == "deb"))
        return artefact_facts(chosen, "tool/")

    def _scaffold(self) -> Step:
        component = self._single(SCAFFOLD)
        artefacts = self.lock(component.name).artefacts
        facts = {**artefact_facts(artefacts), **self.tool_facts(), "release": self.series.debian.release}
        return self._step(SCAFFOLD, component, facts, runs_on=(self.tools(),), artefacts=artefacts)

    def base_of(self, component: Component) -> Step:
        """Return the step whose tree an image's packages are installed on."""
        return self.install(component.recipe.parent) if component.recipe.parent else self.scaffold()

    def present(self, names: Iterable[str]) -> set[str]:
        """Return the ids of the Debian packages that the scaffold and these images' trees hold."""
        locks = [self.lock(self._single(SCAFFOLD).name), *(self.lock(name) for name in names)]
        return {a.name for lock in locks for a in lock.of_kind("deb")}

    def _install(self, name: str) -> Step:
        component = self.catalogue.component(name)
        ancestors = self.catalogue.lineage(name)[:-1]
        present = self.present(ancestors)
        builder = component.recipe.kind == "builder"
        debs = self.lock(name).of_kind("deb")
        added = tuple(a for a in debs if a.name not in present and (builder or a.role != "build"))
        facts = {**artefact_facts(added), **self._users(component)}
        runs_on = (self.tools(),)
        return self._step(
            "install", component, facts, needs=(self.base_of(component),), runs_on=runs_on, artefacts=added
        )

    def _users(self, component: Component) -> dict[str, str]:
        users = {name: said(user) for name, user in component.recipe.users.items()}
        return {"recipe:users": fact(users)} if users else {}

    def _toolchain(self, name: str) -> Step:
        """The tree that compiles for an image: its builder's, and the image's own build packages."""
        component = self.catalogue.component(name)
        builder = component.recipe.builder
        if builder is None:
            raise RecipeError(
                f"{name} compiles Python distributions and names no builder",
                solution=f"add `builder: python-builder` to {component.folder / 'recipe.yaml'}",
            )
        present = self.present((*self.catalogue.lineage(name)[:-1], *self.catalogue.lineage(builder)))
        added = tuple(a for a in self.lock(name).of_kind("deb") if a.name not in present)
        # An image without build packages of its own compiles on the builder alone, and shares the wheels.
        if not any(a.role == "build" for a in added):
            return self.install(builder)
        step = self._step(
            "install", component, artefact_facts(added), needs=(self.install(builder),),
            runs_on=(self.tools(),), artefacts=added,
        )  # fmt: skip
        return replace(step, name=f"toolchain:{name}")

    def _patches(self, name: str) -> tuple[Patch, ...]:
        """Return the patches of an image's recipe, each for something that it builds or unpacks."""
        component = self.catalogue.component(name)
        found = patches_of(component, self.series.name, self.catalogue.series_names)
        if found:
            lock = self.lock(name)
            trees = (a for kind in ("url", "git") for a in lock.of_kind(kind) if a.data.get("unpack"))
            check_patches(
                component, found, {a.name: a.version for a in (*lock.of_kind("sdist", "image"), *trees)}
            )
        return found

    def patches_for(self, name: str, artefact: Artefact) -> tuple[Patch, ...]:
        """Return the patches of an image's recipe for one of its artefacts, in the order of applying."""
        return tuple(patch for patch in self.patches(name) if patch.target == artefact.name)

    def _patch_facts(self, name: str, artefacts: Iterable[Artefact]) -> dict[str, str]:
        patches = (patch for artefact in artefacts for patch in self.patches_for(name, artefact))
        return {f"patch:{patch.target}/{patch.name}": patch.sha256 for patch in patches}

    def _wheel(self, component: Component, sdist: Artefact) -> Step:
        build = tuple(a for a in self.lock(component.name).of_kind("wheel", "build"))
        facts = {
            **artefact_facts((sdist,)),
            **self._patch_facts(component.name, (sdist,)),
            **artefact_facts(build),
            **self.tool_facts("uv"),
            "python": self.series.python.version,
        }
        artefacts = (sdist, *build)
        step = self._step(
            "wheel", component, facts, needs=(self.toolchain(component.name),), runs_on=(self.tools(),),
            artefacts=artefacts,
        )  # fmt: skip
        return replace(step, name=f"wheel:{sdist.name}:{component.name}")

    def _interpreter(self, name: str) -> Step:
        """The tree that compiles for an image: what its first ancestor with the interpreter ships, unpacked.

        It is there before any package is installed. It lies on the tools, and is the tools where the packages
        of no ancestor bring the interpreter: then there is nothing to compile for.
        """
        debs: tuple[Artefact, ...] = ()
        for part in self.lineage(name):
            debs += self.lock(part.name).of_kind("deb", "image")
            if any(deb.name == f"python{self.series.python.version}" for deb in debs):
                step = self._step(TOOLS, part, artefact_facts(debs), artefacts=debs)
                return replace(step, name=f"interpreter:{part.name}")
        return self.tools()

    def _interpreter_facts(self, component: Component) -> dict[str, str]:
        locks = [self.lock(part) for part in self.catalogue.lineage(component.name)]
        found = tuple(a for lock in locks for a in lock.of_kind("deb", "image") if "python3" in a.name)
        return artefact_facts(found, "interpreter/")

    def _bytecode(self, component: Component) -> Step:
        """The byte code of the locked wheels; it need not wait for those that are compiled from sdists."""
        wheels = self.lock(component.name).of_kind("wheel", "image")
        facts = {
            **artefact_facts(wheels),
            **self._interpreter_facts(component),
            "python": self._python_fact,
            "paths": self._paths_fact("bytecode", component, wheels),
        }
        runs_on = (self.interpreter(component.name), self.tools())
        return self._step("bytecode", component, facts, runs_on=runs_on, artefacts=wheels)

    def _venv(self, component: Component) -> Step:
        bytecode = self._bytecode(component)
        sdists = self.lock(component.name).of_kind("sdist", "image")
        compiled = (self._wheel(component, sdist) for sdist in sdists)
        facts = {**bytecode.facts, **self.tool_facts("uv")}
        return self._step(
            "venv", component, facts, needs=(bytecode, *compiled),
            runs_on=(self.base_of(component), self.tools()), artefacts=bytecode.artefacts,
        )  # fmt: skip

    def _packages(self, component: Component) -> Step:
        kept = self.lock(component.name).of_kind("deb", "image")
        facts = {**artefact_facts(kept), "paths": self._paths_fact("packages", component, kept)}
        return self._step(
            "packages", component, facts, needs=(self.install(component.name),), runs_on=(self.tools(),),
            artefacts=kept,
        )  # fmt: skip

    def _files(self, component: Component) -> Step:
        recipe = component.recipe
        facts = {f"file:{file.source}": sha256_file(component.file(file.source)) for file in recipe.files}
        # Where an input comes from is no part of what it is: the lock has its hash.
        source = {"inputs": {"__all__": {"type", "url", "version"}}}
        layout = said(recipe, include={"files", "directories", "links", "inputs"}, exclude=source)
        facts |= {"recipe:files": fact(layout), **self._owners(component)}
        lock = self.lock(component.name)
        artefacts = (*lock.of_kind("url"), *lock.of_kind("git"))
        if artefacts:
            facts |= {**artefact_facts(artefacts), "paths": self._paths_fact("files", component, artefacts)}
            facts |= self._patch_facts(component.name, artefacts)
        return self._step("files", component, facts, artefacts=artefacts)

    def _owners(self, component: Component) -> dict[str, str]:
        users = self.users(component.name)
        owners = sorted(set(component.recipe.directories.values()) & set(users))
        return {f"owner:{name}": fact(said(users[name])) for name in owners}

    def users(self, name: str) -> dict[str, User]:
        """Return the users that an image's lineage defines, by name."""
        return {user: data for part in self.lineage(name) for user, data in part.recipe.users.items()}

    def _content(self, name: str) -> tuple[Step, ...]:
        """The steps that make the content layers which an image adds to its parent's."""
        component = self.catalogue.component(name)
        self.patches(name)  # one that nothing takes is an error, not silence
        steps = []
        if self.lock(name).of_kind("deb", "image"):
            steps.append(self._packages(component))
        if component.recipe.python is not None:
            steps.append(self._venv(component))
        recipe = component.recipe
        if recipe.files or recipe.directories or recipe.links or recipe.inputs:
            steps.append(self._files(component))
        return tuple(steps)

    def _system(self, component: Component, packages: tuple[Step, ...]) -> Step:
        facts = self.tool_facts("libc-bin")
        needs = (self.install(component.name), *packages)
        return self._step("system", component, facts, needs=needs, runs_on=(self.tools(),))

    def _image(self, name: str) -> Step:
        component = self.catalogue.component(name)
        layers = tuple(step for part in self.catalogue.lineage(name) for step in self.content(part))
        packages = tuple(step for step in layers if step.kind == "packages")
        system = self._system(component, packages)
        return self._step("image", component, self._configuration(component), needs=(*layers, system))

    def _configuration(self, component: Component) -> dict[str, str]:
        recipe = component.recipe
        facts = {
            f"recipe:{field}": fact(said(recipe, include={field}))
            for field in ("description", "services", "user", "environment")
            if getattr(recipe, field)
        }
        user = self.catalogue.user_of(component.name)
        if origin := self.origin(component.name):
            facts["layers"] = ", ".join(f"{layer.name} of {layer.vendor}" for layer in origin)
        return facts | {
            "user": fact([user[0], said(user[1])] if user else None),
            "environment": fact(self.catalogue.environment_of(component.name)),
            "series": f"{self.series.name} of {self.series.released}",
        }
