"""Jobs, their events and browser sessions in one SQLite file (WAL): whatever was answered survives a kill."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from v2m_bridge.daemon.jobs.job import (
    ACTIVE,
    FINISHED,
    Job,
    JobError,
    JobEvent,
    NewJob,
    NoSuchJob,
    Outcome,
    Push,
    QueueFull,
    State,
    StoreError,
)
from v2m_bridge.daemon.jobs.rows import ARTIFACTS, UNREADABLE, job_of
from v2m_bridge.errors import DiskFull, SetupError

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  request_key TEXT UNIQUE,
  state TEXT NOT NULL,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  origin TEXT NOT NULL,
  options TEXT NOT NULL,
  created_s REAL NOT NULL,
  started_s REAL,
  finished_s REAL,
  stage TEXT NOT NULL DEFAULT '',
  progress REAL NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  interruptions INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  artifacts TEXT NOT NULL DEFAULT '[]',
  bytes INTEGER NOT NULL DEFAULT 0,
  summary TEXT,
  push TEXT
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TABLE events (
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  at_s REAL NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (digest TEXT PRIMARY KEY, until_s REAL NOT NULL) STRICT, WITHOUT ROWID;
"""

_ACTIVE = ", ".join(f"'{state}'" for state in ACTIVE)
_FINISHED = ", ".join(f"'{state}'" for state in FINISHED)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")  # damaged bytes must not end the reading of all other rows


@contextmanager
def _in_words() -> Iterator[None]:
    """SQLite's errors as ours; whether the disk is full is told apart."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFull(
                "the disk is full: the queue cannot be written", "make room; it goes on by itself"
            ) from error
        raise StoreError(f"the queue cannot be read or written: {error}", "it is tried again") from error


class JobStore:
    """The queue on disk. Every method is one transaction and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the database. Rows with a state that is none count as failed from then on.

        Raises:
            SetupError: it is damaged, of a newer version, or cannot be written.
        """
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.row_factory = sqlite3.Row
            self._db.text_factory = _text
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            found = self._db.execute("PRAGMA quick_check").fetchone()[0]
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise SetupError(f"cannot open {path}: {error}", "move it away to start with an empty queue") from error
        if found != "ok" or version > SCHEMA_VERSION:
            reason = "is damaged" if found != "ok" else "was written by a newer version"
            raise SetupError(f"{path} {reason}", "move it away to start with an empty queue")
        try:
            if version == 0:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            self._db.execute(
                f"UPDATE jobs SET state = 'failed', error = ? WHERE state NOT IN ({_ACTIVE}, {_FINISHED})",
                (UNREADABLE.model_dump_json(),),
            )
        except sqlite3.Error as error:
            raise SetupError(f"cannot write {path}: {error}", "make room, or set V2M_HOME to another disk") from error

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _in_words():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has ended it already after some errors, such as a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._lock, _in_words():
            return self._db.execute(sql, tuple(values)).fetchall()

    def check_writable(self) -> None:
        """Write a page and take it back.

        Raises:
            DiskFull, StoreError: it cannot be written.
        """
        with self._write() as db:
            db.execute("CREATE TABLE probe (room BLOB)")
            db.execute("INSERT INTO probe VALUES (zeroblob(65536))")
            db.execute("DROP TABLE probe")

    # -- jobs

    def add(self, new: NewJob, most_active: int) -> Job:
        """Queue a job, or give the one that the same request key made before.

        Raises:
            QueueFull: ``most_active`` jobs wait or run already.
        """
        with self._write() as db:
            if new.key is not None:
                known = db.execute("SELECT * FROM jobs WHERE request_key = ?", (new.key,)).fetchone()
                if known:
                    return job_of(known)
            active = db.execute(f"SELECT count(*) FROM jobs WHERE state IN ({_ACTIVE})").fetchone()[0]
            if active >= most_active:
                raise QueueFull(f"{active} scores wait already", "try again when some have finished")
            db.execute(
                "INSERT INTO jobs (id, request_key, state, name, source, origin, options, created_s, push)"
                " VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
                (
                    new.id,
                    new.key,
                    new.name,
                    new.source,
                    new.origin,
                    new.options.model_dump_json(),
                    new.created_s,
                    new.push.model_dump_json() if new.push else None,
                ),
            )
            self._event(db, new.id, "queued", new.origin)
            return job_of(db.execute("SELECT * FROM jobs WHERE id = ?", (new.id,)).fetchone())

    def get(self, job_id: str) -> Job:
        """The job.

        Raises:
            NoSuchJob: unknown.
        """
        rows = self._rows("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise NoSuchJob(f"there is no score {job_id[:40]!r}")
        return job_of(rows[0])

    def by_key(self, key: str) -> Job | None:
        """The job that a request with this key made."""
        rows = self._rows("SELECT * FROM jobs WHERE request_key = ?", (key,))
        return job_of(rows[0]) if rows else None

    def newest(self, limit: int, before_seq: int | None = None, state: State | None = None) -> list[Job]:
        """At most ``limit`` jobs, newest first, older than ``before_seq`` and in ``state`` if these are given."""
        return [
            job_of(row)
            for row in self._rows(
                "SELECT * FROM jobs WHERE (?1 IS NULL OR seq < ?1) AND (?2 IS NULL OR state = ?2)"
                " ORDER BY seq DESC LIMIT ?3",
                (before_seq, state, limit),
            )
        ]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        found = {str(row[0]): int(row[1]) for row in self._rows("SELECT state, count(*) FROM jobs GROUP BY state")}
        return {state: found.get(state.value, 0) for state in State}

    def ahead_of(self, job: Job) -> int:
        """How many queued jobs come before this one."""
        return int(self._rows("SELECT count(*) FROM jobs WHERE state = 'queued' AND seq < ?", (job.seq,))[0][0])

    def next_queued(self) -> Job | None:
        """The job that is next in line; in the state ``failed`` when its row cannot be read (:meth:`set_aside` it)."""
        rows = self._rows("SELECT * FROM jobs WHERE state = 'queued' ORDER BY seq LIMIT 1")
        return job_of(rows[0]) if rows else None

    def start(self, job_id: str) -> bool:
        """Queued -> running; False when it was cancelled in the meantime."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET state = 'running', started_s = ?, stage = '', progress = 0, error = NULL"
                " WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            ).rowcount
            if changed:
                self._event(db, job_id, "running", "")
            return bool(changed)

    def reach(self, job_id: str, stage: str, progress: float) -> bool:
        """Note that a running job has come to ``stage``."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET stage = ?, progress = ? WHERE id = ? AND state = 'running'", (stage, progress, job_id)
            ).rowcount
            if changed:
                self._event(db, job_id, "stage", stage)
            return bool(changed)

    def requeue(self, job_id: str, blame: str) -> bool:
        """Running -> queued, at its old place in line.

        Args:
            blame: ``"crash"``: its process died under it; ``"interruption"``: the daemon did; ``""``: nobody.
        """
        column = {"crash": "crashes", "interruption": "interruptions"}.get(blame)
        count = f", {column} = {column} + 1" if column else ""
        with self._write() as db:
            changed = db.execute(
                f"UPDATE jobs SET state = 'queued', stage = '', progress = 0{count} WHERE id = ? AND state = 'running'",
                (job_id,),
            ).rowcount
            if changed:
                self._event(db, job_id, "requeued", blame)
            return bool(changed)

    def done(self, job_id: str, outcome: Outcome) -> bool:
        """Running -> done; False when it was cancelled in the meantime."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET state = 'done', finished_s = ?, stage = '', progress = 1, artifacts = ?, bytes = ?,"
                " summary = ?, name = ? WHERE id = ? AND state = 'running'",
                (
                    time.time(),
                    ARTIFACTS.dump_json(outcome.artifacts).decode(),
                    sum(artifact.bytes for artifact in outcome.artifacts),
                    outcome.summary.model_dump_json(),
                    outcome.summary.name,
                    job_id,
                ),
            ).rowcount
            if changed:
                self._event(db, job_id, "done", "")
            return bool(changed)

    def fail(self, job_id: str, error: JobError) -> bool:
        """Running -> failed; False when it was cancelled in the meantime."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET state = 'failed', finished_s = ?, error = ? WHERE id = ? AND state = 'running'",
                (time.time(), error.model_dump_json(), job_id),
            ).rowcount
            if changed:
                self._event(db, job_id, "failed", error.code)
            return bool(changed)

    def set_aside(self, job_id: str, error: JobError) -> bool:
        """Queued or running -> failed, for a job that cannot be started."""
        with self._write() as db:
            changed = db.execute(
                f"UPDATE jobs SET state = 'failed', finished_s = ?, error = ? WHERE id = ? AND state IN ({_ACTIVE})",
                (time.time(), error.model_dump_json(), job_id),
            ).rowcount
            if changed:
                self._event(db, job_id, "failed", error.code)
            return bool(changed)

    def cancel(self, job_id: str) -> bool:
        """Queued or running -> cancelled; False when it had finished before."""
        with self._write() as db:
            changed = db.execute(
                f"UPDATE jobs SET state = 'cancelled', finished_s = ? WHERE id = ? AND state IN ({_ACTIVE})",
                (time.time(), job_id),
            ).rowcount
            if changed:
                self._event(db, job_id, "cancelled", "")
            return bool(changed)

    def set_push(self, job_id: str, push: Push) -> None:
        """Note how far the way into a host has come."""
        with self._write() as db:
            db.execute("UPDATE jobs SET push = ? WHERE id = ?", (push.model_dump_json(), job_id))
            self._event(db, job_id, "push", push.state)

    def remove(self, job_id: str) -> bool:
        """Forget a finished job and its events."""
        with self._write() as db:
            sql = f"DELETE FROM jobs WHERE id = ? AND state IN ({_FINISHED})"
            return bool(db.execute(sql, (job_id,)).rowcount)

    def finished_ids(self) -> list[str]:
        """Ids of all jobs that have ended, oldest first."""
        return self.ids(*FINISHED)

    def surplus(self, keep_jobs: int, keep_bytes: int, sizes: Mapping[str, int] | None = None) -> list[str]:
        """Ids of finished jobs beyond ``keep_jobs`` or ``keep_bytes``, counted from the newest by arrival.

        Args:
            sizes: what the jobs' folders take; without an entry the size of the artifacts counts.
        """
        rows = self._rows(f"SELECT id, bytes FROM jobs WHERE state IN ({_FINISHED}) ORDER BY seq DESC")
        surplus, total = [], 0
        for place, row in enumerate(rows):
            total += (sizes or {}).get(row["id"], row["bytes"])
            if place >= keep_jobs or total > keep_bytes:
                surplus.append(row["id"])
        return surplus

    def ids(self, *states: State) -> list[str]:
        """Ids of all jobs in these states (all states when none is given), oldest first."""
        marks = ", ".join("?" for _ in states)
        where = f" WHERE state IN ({marks})" if states else ""
        return [row["id"] for row in self._rows(f"SELECT id FROM jobs{where} ORDER BY seq", states)]

    # -- events

    @staticmethod
    def _event(db: sqlite3.Connection, job_id: str, kind: str, detail: str) -> None:
        db.execute(
            "INSERT INTO events SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM events WHERE job_id = ?1",
            (job_id, time.time(), kind, detail),
        )

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """What happened to a job after event number ``after``, in order."""
        rows = self._rows("SELECT * FROM events WHERE job_id = ? AND number > ? ORDER BY number", (job_id, after))
        return [JobEvent(*row) for row in rows]

    # -- browser sessions

    def add_session(self, digest: str, until_s: float) -> None:
        """Remember a session by the digest of its secret; expired ones go."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE until_s < ?", (time.time(),))
            db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?)", (digest, until_s))

    def sessions(self) -> dict[str, float]:
        """Digest -> end (Unix time) of the sessions that are still open."""
        rows = self._rows("SELECT digest, until_s FROM sessions WHERE until_s >= ?", (time.time(),))
        return {row["digest"]: row["until_s"] for row in rows}

    def end_session(self, digest: str) -> None:
        """Forget a session."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
