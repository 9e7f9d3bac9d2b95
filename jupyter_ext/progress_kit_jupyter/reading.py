"""Answers of the REST endpoint that hub and store give together."""

import asyncio
from typing import Final

import msgspec

from progress_kit.errors import ProtocolError
from progress_kit.hub import Claims
from progress_kit.hub.tokens import SHARE_S
from progress_kit.model import HubInfo, OperationState, Prior, Snapshot
from progress_kit.protocol import PROTOCOL_VERSION, decode_snapshot
from progress_kit.protocol.rest import (
    DeletedResponse,
    Health,
    HistoryResponse,
    KindsResponse,
    OperationCounts,
    StoreHealth,
    TasksResponse,
)
from progress_kit_jupyter.driver import HubDriver

_NOT_FOUND: Final = "there is no such operation"


async def operation(driver: HubDriver, claims: Claims, operation_id: str) -> Snapshot:
    """Return one operation, live or from history; raises `ProtocolError` ``not_found``."""
    live = driver.manager.snapshot(claims, operation_id)
    if live is not None:
        return decode_snapshot(live)
    data = await asyncio.wrap_future(driver.store.get(claims.sub, operation_id))
    if data is None:
        raise ProtocolError("not_found", _NOT_FOUND)
    stored = _from_store(data)
    if claims.op not in {None, stored.id} or claims.nb not in {None, stored.origin.notebook}:
        raise ProtocolError("not_found", _NOT_FOUND)
    return stored


async def tasks(driver: HubDriver, claims: Claims, operation_id: str) -> TasksResponse:
    """Return the tasks of one operation, its timeline, and how its estimate goes or went.

    Raises `ProtocolError` ``not_found``.
    """
    found = await operation(driver, claims, operation_id)
    record = await asyncio.wrap_future(driver.store.recorded(claims.sub, operation_id))
    live = driver.manager.estimates(claims, operation_id)
    return TasksResponse(items=found.tasks, spans=record.spans, estimates=live or record.estimates)


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are asked for: `since` (inclusive) and `until` are wall-clock seconds of their last change."""

    kind: str | None = None
    state: tuple[OperationState, ...] = ()
    since: float | None = None
    until: float | None = None
    limit: int = 100
    before: str | None = None


async def history(driver: HubDriver, claims: Claims, query: HistoryQuery) -> HistoryResponse:
    """Return a page of what has ended; raises `ProtocolError`, ``forbidden`` for a share link."""
    _check_whole(claims)
    page = await asyncio.wrap_future(
        driver.store.history(
            claims.sub,
            query.kind,
            query.limit,
            query.before,
            states=query.state,
            since=query.since,
            until=query.until,
        )
    )
    return HistoryResponse(items=tuple(_from_store(item) for item in page.items), next=page.next)


async def kinds(driver: HubDriver, claims: Claims) -> KindsResponse:
    """Return which kinds have runs in the history; raises `ProtocolError` ``forbidden``."""
    _check_whole(claims)
    found = await asyncio.wrap_future(driver.store.kinds(claims.sub))
    return KindsResponse(items=tuple(found))


async def prior(driver: HubDriver, claims: Claims, kind: str) -> Prior | None:
    """Return how long the runs of a kind take; None where none has succeeded yet, or the history is off."""
    _check_whole(claims)
    if driver.manager.keeping.mode == "off":
        return None
    return await asyncio.wrap_future(driver.store.prior(claims.sub, kind))


async def delete(driver: HubDriver, claims: Claims, operation_id: str) -> None:
    """Delete one run for good; raises `ProtocolError`, ``unsupported`` while it runs."""
    _check_whole(claims)
    await operation(driver, claims, operation_id)
    driver.perform(driver.manager.forget(claims, operation_id, driver.now()))
    await asyncio.wrap_future(driver.store.delete(claims.sub, operation_id))


async def delete_history(driver: HubDriver, claims: Claims, *, kind: str | None) -> DeletedResponse:
    """Delete all runs that have ended for good, or those of one kind; raises `ProtocolError` ``forbidden``."""
    _check_whole(claims)
    driver.perform(driver.manager.forget_history(claims, kind, driver.now()))
    return DeletedResponse(deleted=await asyncio.wrap_future(driver.store.delete_history(claims.sub, kind)))


async def health(driver: HubDriver, claims: Claims, version: str) -> Health:
    """Return how the hub is, with the numbers of operations that `claims` may see."""
    _, publishers, subscribers = driver.manager.counts()
    status, reason = driver.store.status
    return Health(
        status="ok" if status == "ok" else "degraded",
        version=version,
        protocols=(PROTOCOL_VERSION,),
        hub_id=driver.manager.hub_id,
        epoch=driver.manager.epoch,
        revision=driver.manager.revision,
        now=driver.now().wall,
        uptime_s=driver.uptime_s,
        store=StoreHealth(status=status, reason=reason),
        operations=OperationCounts(
            live=driver.manager.count_visible(claims),
            history=await asyncio.wrap_future(driver.store.count(claims.sub)) if _is_whole(claims) else 0,
        ),
        publishers=publishers,
        subscribers=subscribers,
    )


def revoke(driver: HubDriver, jti: str) -> None:
    """Make one token void, for good."""
    driver.authority.revoke(jti)
    driver.store.revoke(jti, driver.now().wall + SHARE_S)


def _is_whole(claims: Claims) -> bool:
    return claims.op is None and claims.nb is None


def _check_whole(claims: Claims) -> None:
    if not _is_whole(claims):
        raise ProtocolError("forbidden", "a token for one operation or notebook does not reach the history")


def _from_store(data: bytes) -> Snapshot:
    # It was encoded before it was stored, and so did not say so yet.
    stored = decode_snapshot(data)
    return msgspec.structs.replace(stored, hub=msgspec.structs.replace(stored.hub or HubInfo(), stored=True))
