"""The error family: what is wrong, where, and what to do, each class with its own exit code.

Codes 10-29 say that an input is at fault, 30-39 that the result is not what it must be, 40-59 that
the infrastructure failed (a mirror, the disk, a program) and the same call may succeed later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Location:
    """A place in a file that a person wrote; line and column count from 1."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.path, *(str(part) for part in (self.line, self.column) if part is not None)]
        return ":".join(parts)


class ScsBuildError(Exception):
    """Base of all errors that are expected: a reason, a place and a way out."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "an expected error"

    def __init__(self, reason: str, *, where: Location | None = None, solution: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where
        self.solution = solution

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\nhint: {self.solution}" if self.solution else ""
        return f"{place}{self.reason}{hint}"

    def to_json(self) -> dict[str, object]:
        """Return the error as the object that `--json` prints."""
        return {
            "error": type(self).__name__,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "where": str(self.where) if self.where else None,
            "solution": self.solution,
        }


class InputError(ScsBuildError):
    """Something that a person wrote is wrong."""

    exit_code = 10
    meaning = "an input is wrong"


class RecipeError(InputError):
    """A recipe or a series does not say what it must, or says what is not allowed."""

    exit_code = 11
    meaning = "a recipe or series is not valid"


class LockError(InputError):
    """A lock is missing, not valid, or does not fit its recipe."""

    exit_code = 12
    meaning = "a lock is missing, not valid, or does not fit its recipe"


class ResolutionError(InputError):
    """The resolver found no set of versions that satisfies the recipe."""

    exit_code = 13
    meaning = "no set of versions satisfies a recipe"


class SiteError(InputError):
    """The site configuration (mirrors, indices) is not valid."""

    exit_code = 14
    meaning = "the site configuration is not valid"


class FormatError(InputError):
    """A file has a format version that this release does not read."""

    exit_code = 15
    meaning = "a file has a newer format than this release reads"


class ManifestError(InputError):
    """A manifest is not valid."""

    exit_code = 16
    meaning = "a manifest is not valid"


class UnknownNameError(InputError):
    """An image, a series or another name was asked for that does not exist."""

    exit_code = 17
    meaning = "a name that does not exist was asked for"


class AddressError(InputError):
    """What should name a registry, a repository or a tag does not."""

    exit_code = 18
    meaning = "the name of a registry, a repository or a tag is not valid"


class TagError(InputError):
    """A tag stands for another image, and nobody asked to move it."""

    exit_code = 19
    meaning = "a tag stands for another image, and moving it was not asked for"


class AccessError(InputError):
    """A registry refuses access: credentials are missing or do not suffice."""

    exit_code = 20
    meaning = "a registry refuses access"


class TrustError(InputError):
    """Nothing proves that a registry is the one that it claims to be."""

    exit_code = 21
    meaning = "a registry's certificate is not trusted"


class PolicyError(InputError):
    """A policy (the rules of a check) is not valid."""

    exit_code = 22
    meaning = "a policy is not valid"


class ZuulError(InputError):
    """Zuul's configuration is not valid."""

    exit_code = 23
    meaning = "the configuration of Zuul is not valid"


class ResultError(ScsBuildError):
    """What was made is not what it must be."""

    exit_code = 30
    meaning = "a result is not what it must be"


class StepError(ResultError):
    """A build step failed; its log says why."""

    exit_code = 31
    meaning = "a build step failed"
    # Whether it was ended because the build was: then nothing is wrong with it.
    cancelled = False


class UnexplainedError(ResultError):
    """An image would hold a path that nothing explains, or a file that a script altered."""

    exit_code = 32
    meaning = "an image would hold a path that nothing explains"


class VerificationError(ResultError):
    """A manifest, a layout or a store does not hold what it says."""

    exit_code = 33
    meaning = "verification found a difference"


class CheckFailed(ResultError):  # noqa: N818 - a verdict, not a malfunction
    """A check of a running service failed."""

    exit_code = 34
    meaning = "a check of a running service failed"


class FindingError(ResultError):
    """A check of an image found something that its recipe does not accept."""

    exit_code = 35
    meaning = "a check of an image found something"


class DifferenceError(ResultError):
    """Two images that were compared differ."""

    exit_code = 36
    meaning = "two images differ"


class InfrastructureError(ScsBuildError):
    """Nothing is wrong with the input; the same call may succeed later."""

    exit_code = 40
    meaning = "the infrastructure failed"


class FetchError(InfrastructureError):
    """No source delivered an artefact."""

    exit_code = 41
    meaning = "an artefact could not be fetched"


class IntegrityError(InfrastructureError):
    """A source delivered other bytes than the lock or the manifest names."""

    exit_code = 42
    meaning = "a source delivered other bytes than the lock or the manifest names"


class StoreError(InfrastructureError):
    """The store is damaged or cannot be used."""

    exit_code = 43
    meaning = "the store is damaged or cannot be used"


class DiskFullError(InfrastructureError):
    """There is not enough room on the disk."""

    exit_code = 44
    meaning = "there is not enough room on the disk"


class EngineError(InfrastructureError):
    """An engine cannot run on this machine."""

    exit_code = 45
    meaning = "an engine cannot run on this machine"


class ProgramError(InfrastructureError):
    """A program is missing or failed."""

    exit_code = 46
    meaning = "a program is missing or failed"


class OfflineError(InfrastructureError):
    """Something would have to be fetched, and `--offline` forbids it."""

    exit_code = 47
    meaning = "something is not in the store and --offline was given"


class RegistryError(InfrastructureError):
    """A registry cannot be reached, or failed."""

    exit_code = 48
    meaning = "a registry cannot be reached, or failed"


EXIT_USAGE = 2
EXIT_INTERNAL = 70
# 128 + the signal that ended the command.
EXIT_HUNG_UP = 129
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
