"""Endpoints under ``/v1`` and ``/metrics``. They translate; the work is in :mod:`v2m_bridge.daemon.service`."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from v2m_bridge import __version__
from v2m_bridge.daemon.http.choices import Choices, form_choices
from v2m_bridge.daemon.http.json_body import read_json
from v2m_bridge.daemon.http.streams import stream_routes
from v2m_bridge.daemon.inbox.answer import InboxAnswer
from v2m_bridge.daemon.inbox.watch import editor_answer
from v2m_bridge.daemon.jobs.job import Job, Origin, Push, State
from v2m_bridge.daemon.memory import resident_bytes
from v2m_bridge.daemon.metrics import CONTENT_TYPE, Labels
from v2m_bridge.daemon.paths import safe_name
from v2m_bridge.daemon.schemas import (
    Accepted,
    ErrorAnswer,
    Health,
    Link,
    PushRequest,
    ScoreList,
    ScoreRequest,
    ScoreStatus,
    Uploaded,
)
from v2m_bridge.daemon.service import Service, Submission
from v2m_bridge.daemon.tokens import LINK_LIFE_S, OneTimeLinks, Sessions
from v2m_bridge.errors import V2MError

ARTIFACT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; media-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""A score's page draws and plays, but has an origin of its own: names in an edit are not ours to trust."""

ARTIFACT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".mid": "audio/midi",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
    ".rpp": "text/plain; charset=utf-8",
    ".v2m": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".wav": "audio/wav",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer} for status in (400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 503, 507)
}
BINARY = {"schema": {"type": "string", "format": "binary"}}


def _body_of(model: type[BaseModel], required: bool) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def routes(service: Service, links: OneTimeLinks, sessions: Sessions) -> APIRouter:
    """All endpoints that need a token or a session."""
    router = APIRouter(responses=ERRORS)
    _score_routes(router, service)
    _file_routes(router, service)
    stream_routes(router, service)
    _daemon_routes(router, service, links, sessions)
    return router


def _score_routes(router: APIRouter, service: Service) -> None:
    @router.post("/v1/scores", status_code=202, openapi_extra=_body_of(ScoreRequest, True), tags=["scores"])
    async def new_score(
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Accepted:
        """Score an edit. With an ``Idempotency-Key`` a repeated request gives the same score."""
        asked = ScoreRequest.model_validate(await read_json(request, service.config.limits.depth))
        origin: Origin = "console" if "v2m_session" in request.scope else "http"
        job = await run_in_threadpool(_submit, service, asked, origin, idempotency_key)
        return Accepted(id=job.id, state=job.state)

    @router.get("/v1/scores", tags=["scores"])
    def list_scores(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        state: State | None = None,
    ) -> ScoreList:
        """Scores, newest first; ``before`` continues where the last page ended."""
        jobs = service.store.newest(limit, before, state)
        more = jobs[-1].seq if len(jobs) == limit else None
        return ScoreList(scores=[service.view(job) for job in jobs], before=more)

    @router.get("/v1/scores/{job_id}", tags=["scores"])
    def score_status(job_id: str) -> ScoreStatus:
        """Where a score is."""
        return service.status(job_id)

    @router.get("/v1/scores/{job_id}/answer", tags=["scores"])
    def editor_s_answer(job_id: str) -> InboxAnswer:
        """Where a score is, in words for a marker, and what it brings back to the timeline: markers and preview."""
        return editor_answer(service, job_id, service.store.get(job_id))

    @router.delete("/v1/scores/{job_id}", tags=["scores"])
    def cancel_score(job_id: str, purge: bool = False) -> Accepted:
        """Cancel a score that waits or runs; with ``purge`` remove a finished one and its files."""
        job = service.cancel(job_id)
        if purge:
            service.remove(job_id)
        return Accepted(id=job.id, state=job.state)

    @router.post("/v1/scores/{job_id}/push", openapi_extra=_body_of(PushRequest, False), tags=["scores"])
    async def push_score(request: Request, job_id: str) -> Push:
        """Bring a finished score into REAPER."""
        if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
            PushRequest.model_validate(await read_json(request, service.config.limits.depth))
        return await run_in_threadpool(service.push, job_id)


def _submit(service: Service, asked: ScoreRequest, origin: Origin, key: str | None) -> Job:
    # An earlier answer may have been lost on its way: then nothing new may begin.
    key = key or None
    if key is not None:
        key = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        known = service.store.by_key(key)
        if known is not None:
            return known
    service.check(asked.options)
    submission = Submission(asked.options, origin, asked.push, key)
    if asked.timeline_path is not None:
        return service.submit_path(asked.timeline_path, submission)
    if asked.timeline is not None:
        return service.submit_document(asked.timeline, asked.name, submission)
    if asked.upload is not None:
        return service.submit_upload(asked.upload, submission)
    assert asked.again is not None
    return service.submit_again(asked.again, submission)


def _file_routes(router: APIRouter, service: Service) -> None:
    @router.post(
        "/v1/uploads",
        status_code=201,
        tags=["scores"],
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}},
    )
    async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=255)]) -> Uploaded:
        """Send an edit or a video as it is; name it in a ``POST /v1/scores`` within an hour."""
        upload_id, path = await run_in_threadpool(service.new_upload, name)
        size = 0
        try:
            with path.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    await run_in_threadpool(file.write, chunk)
        except BaseException:
            service.drop_upload(upload_id)
            raise
        await run_in_threadpool(service.upload_received, upload_id)
        return Uploaded(upload=upload_id, name=path.name, bytes=size)

    @router.get(
        "/v1/scores/{job_id}/artifacts/{name}",
        tags=["scores"],
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": BINARY}}, 206: {"description": "A part of it."}},
    )
    def artifact(job_id: str, name: str, download: bool = False) -> FileResponse:
        """A file of a finished score; ``download`` names it after the edit."""
        path = service.artifact(job_id, name)
        kind = ARTIFACT_TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        shown = f"{safe_name(service.store.get(job_id).name)}-{name}" if download else None
        headers = {"content-security-policy": ARTIFACT_POLICY, "cache-control": "private, max-age=3600"}
        return FileResponse(path, media_type=kind, headers=headers, filename=shown)


def _daemon_routes(router: APIRouter, service: Service, links: OneTimeLinks, sessions: Sessions) -> None:
    @router.get("/v1/health", tags=["daemon"])
    def health() -> Health:
        """Whether the daemon works and what it is doing."""
        worker = service.dispatcher
        jobs, trouble = _counts(service)
        warning = trouble or worker.warning
        well = worker.worker_state in ("ready", "starting") and not warning
        return Health(
            status="ok" if well else "degraded",
            version=__version__,
            uptime_s=round(service.metrics.uptime_s, 3),
            worker=worker.worker_state,
            worker_restarts=worker.restarts,
            warning=warning,
            jobs=jobs,
            osc=service.osc_open,
            inbox=service.inbox_open,
        )

    @router.get("/v1/choices", tags=["daemon"])
    def choices() -> Choices:
        """What the options of a score may be."""
        return form_choices()

    @router.post("/v1/links", status_code=201, tags=["daemon"])
    def link(request: Request) -> Link:
        """A link that opens the console in a browser, once."""
        return Link(url=f"http://{request.headers['host']}/login/{links.issue()}", expires_in_s=LINK_LIFE_S)

    @router.delete("/v1/session", status_code=204, tags=["daemon"])
    def sign_out(request: Request) -> Response:
        """End this browser's session, and the event streams that it has open."""
        if "v2m_session" in request.scope:
            sessions.end(request.scope["v2m_session"])
            service.broker.end_session(request.scope["v2m_session"])
        return Response(status_code=204)

    @router.get("/metrics", tags=["daemon"], response_class=Response)
    def metrics() -> Response:
        """Prometheus text."""
        return Response(service.metrics.text(_gauges(service)), media_type=CONTENT_TYPE)


def _counts(service: Service) -> tuple[dict[State, int], str]:
    """How many jobs there are, and what keeps them from going on; health answers even without a store."""
    try:
        return service.store.counts(), service.dispatcher.trouble
    except (V2MError, OSError) as error:
        return dict.fromkeys(State, 0), str(error)


def _gauges(service: Service) -> dict[str, dict[Labels, float]]:
    worker = service.dispatcher
    jobs: dict[Labels, float] = {(("state", state),): n for state, n in service.store.counts().items()}
    return {
        "v2m_jobs": jobs,
        "v2m_event_streams": {(): service.broker.listeners},
        "v2m_worker_up": {(): float(worker.worker_state == "ready")},
        "v2m_worker_restarts_total": {(): worker.restarts},
        "v2m_worker_resident_bytes": {(): worker.worker_bytes},
        "v2m_uptime_seconds": {(): round(service.metrics.uptime_s, 3)},
        "process_resident_memory_bytes": {(): resident_bytes()},
    }
