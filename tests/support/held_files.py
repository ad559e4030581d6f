"""Files that another program holds open, as Windows treats them: they cannot be renamed, replaced or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

SHARING_VIOLATION = 32


def sharing_violation(path: Path) -> PermissionError:
    """What Windows' CPython raises for a file that another program has open."""
    error = PermissionError(13, "The process cannot access the file because it is being used by another process")
    error.filename = str(path)
    error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined]  # only Windows' own OSError has it
    return error


class Holders:
    """Programs that have files open. :meth:`hold` and :meth:`let_go` may be called at any time."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._held: dict[str, int] = {}
        self.refusals = 0
        replace, unlink = Path.replace, Path.unlink

        def guarded_replace(path: Path, target: Path) -> Path:
            self._refuse(path, Path(target))
            return replace(path, target)

        def guarded_unlink(path: Path, missing_ok: bool = False) -> None:
            self._refuse(path)
            unlink(path, missing_ok)

        patch.setattr(Path, "replace", guarded_replace)
        patch.setattr(Path, "unlink", guarded_unlink)
        patch.setattr("v2m_bridge.files.rename.WAIT_S", 0.0)

    def hold(self, path: Path, refusals: int = 10**9) -> None:
        """Hold ``path`` open until it was refused so often."""
        self._held[str(path.absolute())] = refusals

    def let_go(self) -> None:
        """Close every file."""
        self._held.clear()

    def _refuse(self, *paths: Path) -> None:
        for path in paths:
            left = self._held.get(str(path.absolute()), 0)
            if left:
                self._held[str(path.absolute())] = left - 1
                self.refusals += 1
                raise sharing_violation(path)


@pytest.fixture
def holders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Holders]:
    """Nothing is held at first."""
    yield Holders(monkeypatch)
