"""``v2m-bridge batch``: many edits, each into a folder of its own."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from v2m_bridge.errors import InputError, SetupError

if TYPE_CHECKING:
    from v2m_bridge.batch.record import BatchRecord


class BatchEngine(StrEnum):
    """Where the edits are scored."""

    LOCAL = "local"
    RAY = "ray"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("batch")(batch)


def batch(
    inputs: list[str] = typer.Argument(..., help="Edits, folders, patterns, or manifests (.csv, .jsonl)."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder that gets one folder for each edit."),
    engine: BatchEngine = typer.Option(BatchEngine.LOCAL, "--engine", help="Where: processes of this machine."),
    jobs: int = typer.Option(0, "--jobs", min=0, max=256, help="Processes at once; 0 for half of the cores."),
    options: Path | None = typer.Option(None, "--options", help="JSON file with the options of every score."),
    resume: bool = typer.Option(True, "--resume/--again", help="Keep what is done, or score everything again."),
    retry_failed: bool = typer.Option(False, "--retry-failed", help="Score again what failed the last time."),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder in which media are looked for."),
    checkpoint: Path | None = typer.Option(None, "--checkpoint", help="Folder of networks; without it the shipped."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Score many edits. What is done already stays; a failure stops nothing but itself."""
    from v2m_bridge.batch.local import LocalDistributor
    from v2m_bridge.batch.plan import plan_batch
    from v2m_bridge.batch.run import run_batch
    from v2m_bridge.cli.read_input import engine_of
    from v2m_bridge.cli.terminal import counted, print_json

    if engine is BatchEngine.RAY:
        raise SetupError("this version scores batches with processes of this machine only", "leave --engine out")
    loaded = engine_of(media_root, checkpoint)
    depends_on = f"{loaded.media_roots} {loaded.clip_weights} {loaded.checkpoint} {loaded.device}"
    items = plan_batch(inputs, _options_file(options) if options else None, depends_on)
    workers = jobs or max(1, (os.cpu_count() or 2) // 2)
    distributor = LocalDistributor(min(workers, len(items)), loaded)
    report = run_batch(items, out, distributor, resume=resume, retry_failed=retry_failed, told=_tell)
    if as_json:
        print_json(report.document)
    else:
        summary = report.document["summary"]
        print(f"{summary['done']} of {counted(summary['items'], 'edit')} scored, {summary['failed']} failed: {out}")
        print(f"  {out / 'index.html'}")
    if report.failed:
        failed = counted(len(report.failed), "edit")
        print(
            f"v2m-bridge: {failed} could not be scored (batch.json has the reasons; --retry-failed tries again)",
            file=sys.stderr,
        )
        raise typer.Exit(InputError.exit_code)


def _tell(record: BatchRecord, done: int, total: int) -> None:
    if record.state == "failed":
        what = f"failed: {record.error}"
    else:
        what = f"{record.landed} of {record.hits} hits, {record.key}, {record.seconds:.1f} s"
    print(f"[{done}/{total}] {record.name}: {what}", file=sys.stderr)


def _options_file(path: Path) -> dict[str, Any]:
    from v2m_bridge.batch.plan import json_object

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return json_object(text, str(path))
