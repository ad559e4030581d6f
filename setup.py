"""Puts ``models/`` of the checkout into the wheel as ``v2m_bridge/models``; all else is in ``pyproject.toml``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithModels(build_py):
    """Copies the shipped checkpoints beside the code."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the package then finds models/ in the checkout
            return
        source = Path(__file__).resolve().parent / "models"
        target = Path(self.build_lib) / "v2m_bridge" / "models"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


setup(cmdclass={"build_py": BuildWithModels})
