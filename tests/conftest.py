"""Shared fixtures. Third-party timelines and footage live outside the project; tests that need them skip without."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("same", derandomize=True)
if "V2M_FUZZ" not in os.environ:  # the same cases on every machine; with V2M_FUZZ=N other ones each time
    hypothesis.settings.load_profile("same")

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("V2M_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of third-party test data, or skip."""
    if not SHARED.is_dir():
        pytest.skip(f"no third-party test data at {SHARED} (set V2M_TEST_DATA)")
    return SHARED


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a state folder of its own."""
    home = tmp_path / "v2m-home"
    monkeypatch.setenv("V2M_HOME", str(home))
    return home
