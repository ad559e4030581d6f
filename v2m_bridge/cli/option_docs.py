"""Writes ``docs/options.md``, the table of all options: ``python -m v2m_bridge.cli.option_docs``.

Run it after an option was added or changed. The file lies in the checkout, so this is no command of the program.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from v2m_bridge.cli.option_flags import flag_notes
from v2m_bridge.option_table import GROUPS, OPTIONS, OptionRow

PAGE = Path(__file__).parents[2] / "docs" / "options.md"

HEAD = """\
# Options of a score

<!-- Written by `python -m v2m_bridge.cli.option_docs`. Change the options beside their stages, not here. -->

One model (`v2m_bridge/options.py`) gives the flags of `score` and `fit`, the keys of `"options"` (in `POST /v1/scores`,
and in the `.json` file beside an edit in the inbox) and the console's form. All may be left out. `GET /v1/choices` says
the same in JSON.

`score` takes them all; `fit` those of the edit, the hits and the tempo, and `--mood`; `timeline` and `features` take
`--rate`, `--in` and `--out-point`.
An unknown key or a value out of range is refused (in the inbox an unknown key is passed over, with a line in the log).
"""

HEADER = "| flag | JSON | default | values | meaning |\n|---|---|---|---|---|"


def option_page() -> str:
    """The page as it should be."""
    return "\n".join([HEAD, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    for title in dict.fromkeys(group.title for group in GROUPS):
        rows = [row for row in OPTIONS if row.group.title == title]
        yield "\n".join([f"## {title}", "", HEADER, *(_line(row) for row in rows), ""])


def _line(row: OptionRow) -> str:
    flags = "`, `".join(row.flags.split("/"))
    cells = (f"`{flags}`", f"`{row.key}`", _default(row), _values(row), row.option.help + flag_notes(row))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(row: OptionRow) -> str:
    if row.json_default in (None, (), {}):
        return row.option.unset[:1].lower() + row.option.unset[1:] if row.option.unset else "none"
    if isinstance(row.json_default, bool):
        return f"`{str(row.json_default).lower()}`"
    return f"`{row.json_default:g}`" if isinstance(row.json_default, float) else f"`{row.json_default}`"


def _values(row: OptionRow) -> str:
    unit = f" {row.option.unit}" if row.option.unit else ""
    if row.is_mapping:
        return f"numbers by kind, {row.range_text}"
    if row.value_type is bool:
        return "`true`, `false`"
    if row.value_type in (int, float):
        kind = "whole number, " if row.value_type is int else ""
        word = f", or `{row.option.word_for_none}`" if row.option.word_for_none else ""
        return f"{kind}{row.range_text}{unit}{word}"
    return "list of texts" if row.is_list else "text"


if __name__ == "__main__":
    PAGE.write_text(option_page(), encoding="utf-8", newline="\n")
    print(f"wrote {PAGE}", file=sys.stderr)
