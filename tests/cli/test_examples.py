"""The examples of the project work as their page says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from v2m_bridge.cli.main import main
from v2m_bridge.options import ScoreOptions

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = re.findall(r"^v2m-bridge ((?:timeline|fit) examples/.*)$", (EXAMPLES / "README.md").read_text("utf-8"), re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reading_command_of_the_page_works(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(EXAMPLES.parent / word) if word.startswith("examples/") else word for word in shlex.split(command)]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["schema"] in ("v2m.timeline/1", "v2m.fit/1")


def test_the_page_names_commands_and_the_options_are_options() -> None:
    assert len(COMMANDS) == 2
    given = json.loads((EXAMPLES / "tense.json").read_text(encoding="utf-8"))
    assert ScoreOptions(**given).direction.mood == "tense"
