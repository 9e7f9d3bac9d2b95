"""What it costs the server to bring one state to one subscriber: this hub, and what people write by hand, in one run.

Every server is a process of its own, and sends the same snapshot; the cases take turns, and the median of the rounds is
shown. The hub's figures include that a publisher's message is decoded, checked and kept, which the others do not do.

    python tests/benchmarks/bench_hub.py [--rounds 3] [--subscribers 1 10 100 1000] [--json]        about 2 min
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from progress_kit import clock
from tests.benchmarks.load_client import Crowd, Peer, cpu_s, own_bytes, raise_limits, serving

KINDS = {"hub": "progress_kit", "tornado": "tornado write_message", "naive": "dict of connections"}
IDLE = 500


def broadcast(crowd: Crowd, control: Peer, count: int, subscribers: int) -> None:
    """Have the server spread `count` states, and read until everybody has them."""
    left = subscribers * count + 1  # and the server's report
    control.send(json.dumps({"go": count}).encode())

    def enough(peer: Peer, payload: bytes) -> bool:
        nonlocal left
        left -= peer is control or b'"operations":[]' not in payload
        return left <= 0

    assert crowd.read_until(enough, 60), f"{left} of {subscribers * count} states did not arrive"


def measure(kind: str, subscribers: int, seconds: float) -> float:
    """Return the microseconds of server CPU that one delivery costs."""
    with serving(kind) as (process, port):
        crowd = Crowd()
        control = crowd.add(Peer(port, "/ctl"))
        for _ in range(subscribers):
            crowd.add(Peer(port, "/sub"))
        # What the hub says at first (a welcome, an empty view) is no delivery.
        while list(crowd.read(0.3)):
            pass
        count = max(3, 2_000 // subscribers)
        began = clock.monotonic()
        broadcast(crowd, control, count, subscribers)
        count = max(5, min(20_000, int(count / (clock.monotonic() - began) * seconds)))
        before = cpu_s(process)
        broadcast(crowd, control, count, subscribers)
        used = cpu_s(process) - before
        crowd.close()
    return used / (count * subscribers) * 1e6


def idle_kib(kind: str) -> float:
    """Return the KiB of the server's own memory that one idle connection takes."""
    with serving(kind) as (process, port):
        first = [Peer(port, "/sub") for _ in range(20)]
        clock.sleep(0.5)
        before = own_bytes(process)
        more = [Peer(port, "/sub") for _ in range(IDLE)]
        clock.sleep(1.0)
        grown = own_bytes(process) - before
        for peer in (*first, *more):
            peer.socket.close()
    return grown / IDLE / 1024


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, nargs="*", default=[1, 10, 100, 1_000])
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long one case of one round takes")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    raise_limits()
    found: dict[int, dict[str, list[float]]] = {}
    for _ in range(wanted.rounds):
        for subscribers in wanted.subscribers:
            for kind in KINDS:
                figure = measure(kind, subscribers, wanted.seconds)
                found.setdefault(subscribers, {}).setdefault(kind, []).append(figure)
    medians = {n: {kind: statistics.median(all_) for kind, all_ in kinds.items()} for n, kinds in found.items()}
    idle = {kind: idle_kib(kind) for kind in KINDS}
    if wanted.json:
        print(json.dumps({"us_per_delivery": medians, "rounds": found, "kib_per_idle_connection": idle}))
        return 0
    print("server CPU per delivery, µs (median, range)")
    print("subscribers  " + "".join(f"{name:>28}" for name in KINDS.values()) + "   ratio to tornado, to naive")
    for subscribers, kinds in found.items():
        cells = "".join(
            f"{f'{medians[subscribers][kind]:.1f} ({min(all_):.1f}-{max(all_):.1f})':>28}"
            for kind, all_ in kinds.items()
        )
        ours, raw, naive = (medians[subscribers][kind] for kind in ("hub", "tornado", "naive"))
        print(f"{subscribers:>11,}  {cells}   {ours / raw:.2f}, {ours / naive:.2f}")
    print("memory per idle connection, KiB: " + ", ".join(f"{KINDS[kind]} {idle[kind]:.1f}" for kind in KINDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
