"""What Prometheus is told, at the server's own address."""

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from progress_kit_jupyter.metrics import HubMetrics

from .conftest import Hub


async def _scrape(hub: Hub) -> dict[str, float]:
    """Return our samples of ``/metrics``, by name and labels."""
    response = await hub._client.fetch("/a%40b/metrics", headers=hub.login)
    return _samples(response.body.decode())


def _samples(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("progress_kit_"):
                labels = ",".join(sample.labels.values())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_the_server_tells_what_its_hub_has(hub: Hub) -> None:
    """Operations by state, who is connected, what was sent, and how the store is."""
    empty = await _scrape(hub)
    assert empty["progress_kit_operations{running}"] == 0
    publishing = await hub.mint("publish")
    watching = await hub.mint("subscribe", headers=hub.login)
    async with hub.peer(publishing, session="s_1") as publisher, hub.peer(watching) as watcher:
        await watcher.send(type="subscribe", id="s", filter={})
        await watcher.receive("state")
        await publisher.publish("op_secret", "running", 1, kind="secret kind")
        await publisher.publish("op_2", "failed", 1)
        await publisher.receive("ack")
        now = await _scrape(hub)
        assert now["progress_kit_operations{running}"] == now["progress_kit_operations{failed}"] == 1
        assert now["progress_kit_operations{lost}"] == 0
        assert (now["progress_kit_publishers"], now["progress_kit_subscribers"]) == (1, 1)
        assert now["progress_kit_sent_bytes_total"] > empty["progress_kit_sent_bytes_total"]
        assert now["progress_kit_conflated_states_total"] == 0
        assert now["progress_kit_store_write_seconds_count"] >= 1
        assert now["progress_kit_store_write_seconds_sum"] > 0
        assert now["progress_kit_store_status{ok}"] == 1
        assert now["progress_kit_store_status{memory}"] == 0
        assert "secret" not in "".join(now)

    # A connection that never says hello properly is closed by the hub.
    async with hub.socket(hub.login) as connection:
        await connection.write_message("nonsense")
        assert await connection.read_message() is not None or connection.close_code is not None
        while await connection.read_message() is not None:
            pass
        assert (await _scrape(hub))[f"progress_kit_closed_connections_total{{{connection.close_code}}}"] == 1


async def test_a_server_that_has_stopped_is_in_the_registry_no_more(hub: Hub) -> None:
    """Nor does a second hub of the process take its place, or get in its way."""
    assert hub.app.running is not None
    second = HubMetrics(hub.app.running.driver)
    second.start()
    second.stop()
    assert "progress_kit_publishers" in _samples(generate_latest(REGISTRY).decode())
    await hub.app.stop_extension()
    assert _samples(generate_latest(REGISTRY).decode()) == {}


@pytest.mark.parametrize("server_options", [{"ProgressKit": {"limits": {"messages_per_s": 1, "burst_messages": 3}}}])
async def test_a_publisher_that_is_too_fast_is_seen(hub: Hub) -> None:
    """Its running states that newer ones replaced are counted."""
    async with hub.peer(await hub.mint("publish"), session="s_1") as publisher:
        for seq in range(10):
            await publisher.publish("op_1", "running", seq + 1)
        await publisher.receive("error")
        await publisher.publish("op_1", "succeeded", 11)
        await publisher.receive("ack")
        assert (await _scrape(hub))["progress_kit_conflated_states_total"] > 0
