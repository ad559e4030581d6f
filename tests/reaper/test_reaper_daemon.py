"""A finished score of the daemon goes into REAPER by the same push."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from reaper_runs import WATCH, assert_holds, reaper_at
from reaper_scores import make_score

from v2m_bridge.daemon.paths import JobFolder
from v2m_bridge.daemon.push import push_to_reaper

JOB: Any = None
"""The push needs the job's folder only."""


def finished(folder: Path) -> JobFolder:
    made = JobFolder(folder)
    made.out.mkdir(parents=True)
    (made.out / "score.json").write_text(make_score().model_dump_json(by_alias=True), encoding="utf-8")
    return made


def test_a_watching_reaper_takes_the_daemons_score(own_home: Path) -> None:
    reaper = reaper_at(own_home)
    reaper.run(WATCH)
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            reaper.tick()
            time.sleep(0.01)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        message = push_to_reaper(JOB, finished(own_home / "scores" / "0123456789ab"))
    finally:
        ended.set()
        thread.join()
    assert "13 tempo points" in message
    assert_holds(reaper.project, make_score())
