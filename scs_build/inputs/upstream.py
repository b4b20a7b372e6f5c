"""Locks what recipes name as `inputs`: files at a URL and git trees, fetched once to learn their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scs_build.errors import InputError, IntegrityError, RecipeError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.fallback import Fallback
from scs_build.inputs.git.git import COMMIT
from scs_build.inputs.git.remote import HEADS, TAGS, commit_of, references
from scs_build.inputs.kinds import TREES
from scs_build.inputs.locking import Context, Finding, Request
from scs_build.inputs.place import placed
from scs_build.inputs.stated import is_locked_as, stated
from scs_build.recipes.explain import near_miss

if TYPE_CHECKING:
    from scs_build.recipes.models import Artifact


class UpstreamLocker:
    """Locks files by what their place holds now, trees by the commit that their tag or branch means now."""

    kinds = tuple(TREES)

    def __init__(self, context: Context) -> None:
        self._context = context

    def lock(self, request: Request) -> list[Artefact]:
        """Return one line per input of the recipe; a present line of the same place and version stays."""
        present = _present(request)
        lines = []
        for number, item in enumerate(request.recipe.inputs):
            line = present.get(item.name)
            anew = request.upgrade or item.name in request.free
            fits = line is not None and is_locked_as(line, item)
            lines.append(line if fits and line and not anew else self._fetch(request, number, item))
        return lines

    def check(self, request: Request) -> list[Finding]:
        """Return which inputs of the recipe are not locked as it states them, and which are too much."""
        present = _present(request)
        wanted = {item.name: item for item in request.recipe.inputs}
        surplus = sorted(present.keys() - wanted.keys())
        findings = [Finding(f"{name} is locked and nothing needs it", present[name]) for name in surplus]
        for name, item in sorted(wanted.items()):
            line = present.get(name)
            if line is None:
                findings.append(Finding(f"{name} is not in the lock"))
            elif not is_locked_as(line, item):
                findings.append(Finding(f"{name} is locked from another place or version", line))
        return findings

    def _fetch(self, request: Request, number: int, item: Artifact) -> Artefact:
        data = stated(item)
        try:
            if item.type == "git":
                data["commit"] = self._commit(data["url"], item)
            # Only the hash is not known yet; where it is says the line as for any other fetch.
            line = Artefact(item.type, item.name, item.version, "", 0, data=data)
            kind, depot = TREES[item.type], self._context.store
            sha256, size = depot.receive(item.name, kind.urls(line, self._context.site))
            line = Artefact(item.type, item.name, item.version, sha256, size, data=data)
            placed(line, kind.index(line, depot.path(sha256)))
        except (InputError, IntegrityError) as error:
            hint = "`unpack: false` copies a file as it is" if "be unpacked" in error.reason else None
            reason = f"inputs[{number}]: {item.name} {item.version}: {error.reason}"
            raise request.component.error(
                reason, "inputs", number, solution=error.solution or hint
            ) from error
        return line

    def _commit(self, url: str, item: Artifact) -> str:
        if COMMIT.fullmatch(item.version):
            return item.version
        places = Fallback("the repository", self._context.site.places(url), self._context.progress)
        names = places.ask(lambda place: references(place, self._context.timeout))
        commit = commit_of(names, item.version)
        if commit is None:
            known = [name.removeprefix(TAGS).removeprefix(HEADS) for name in names]
            near = near_miss(item.version, known)
            hint = f"did you mean `{near}`?" if near else None
            raise RecipeError(f"{url} has no tag or branch of that name", solution=hint)
        return commit


def _present(request: Request) -> dict[str, Artefact]:
    return {line.name: line for line in request.locked if line.kind in TREES}
