"""Puts ``models/`` and ``integrations/`` of the checkout into the wheel, inside ``v2m_bridge/``.

All else is in ``pyproject.toml``.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("models", "integrations")


class BuildWithFolders(build_py):
    """Copies the shipped checkpoints and the scripts for other programs beside the code."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the package then finds them in the checkout
            return
        for name in FOLDERS:
            source = Path(__file__).resolve().parent / name
            target = Path(self.build_lib) / "v2m_bridge" / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithFolders})
