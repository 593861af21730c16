"""What a role is shown of a task, and what steers the sandbox."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kyros_worker.auth.subject import Mode
from kyros_worker.model.catalog import Tier
from kyros_worker.model.storable import storable
from kyros_worker.settings import Role


@dataclass(frozen=True)
class EarlierCall:
    """A call of the same task that has ended before this one."""

    role: Role
    tier: Tier


@dataclass(frozen=True)
class Brief:
    """One role's work at one task. `metadata` is not shown to any model."""

    role: Role
    tier: Tier
    mode: Mode
    title: str
    description: str
    type: str
    priority: str
    complexity: str | None
    acceptance_criteria: tuple[str, ...]
    files_to_modify: tuple[str, ...]
    #: The task's free context; `files` in it is an object from path to text.
    context: dict[str, Any]
    #: Its `sandbox` steers the sandbox model.
    metadata: dict[str, Any]
    #: A Draft as JSON: the critic judges it, the implementer revises it, the integrator checks it.
    draft: dict[str, Any] | None
    #: A Verdict as JSON: its findings go to the implementer, and to the integrator to know.
    verdict: dict[str, Any] | None
    #: 0 for the first draft.
    revision: int
    #: Drafts of this task that the critic has refused so far.
    refusals: int
    #: The task's model calls that have ended.
    earlier_calls: tuple[EarlierCall, ...]

    @cached_property
    def files(self) -> dict[str, str]:
        """The texts that are shown, by path, without what no answer may hold."""
        files = self.context.get("files")
        if not isinstance(files, dict):
            return {}
        return {
            storable(path): storable(text) for path, text in files.items() if isinstance(text, str)
        }

    @property
    def unseen_paths(self) -> tuple[str, ...]:
        """The files to modify whose text nobody showed."""
        files = self.files
        paths = (storable(path) for path in self.files_to_modify)
        return tuple(path for path in paths if path not in files)
