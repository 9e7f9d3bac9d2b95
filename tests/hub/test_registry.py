"""The registry's books agree with what looking through everything would find."""

from hypothesis import given
from hypothesis import strategies as st

from progress_kit.hub.registry import Entry, Registry, Tombstone
from progress_kit.model import HubInfo, Lease, OperationState, Snapshot
from progress_kit.protocol import encode

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove"]),
        st.integers(0, 5),
        st.sampled_from(["running", "succeeded"]),
        st.sampled_from(["ok", "lost"]),
        st.booleans(),
    ),
    max_size=40,
)


def apply(
    registry: Registry, steps: list[tuple[str, int, OperationState, Lease, bool]]
) -> dict[str, Entry | Tombstone]:
    """Perform the steps, a second apart; return what there is by a plain dictionary in the order of changes."""
    plain: dict[str, Entry | Tombstone] = {}
    for second, (verb, number, state, lease, stored) in enumerate(steps):
        name, owner = f"op_{number}", f"user_{number % 2}"
        before = plain.get(name)
        if verb == "remove":
            if not isinstance(before, Entry):
                continue
            registry.remove(before)
            del plain[name]
            plain[name] = Tombstone(owner, registry.revision)
            continue
        hub = HubInfo(owner=owner, lease=lease, stored=stored)
        snapshot = Snapshot(id=name, name=name, state=state, seq=second, hub=hub)
        plain.pop(name, None)
        plain[name] = registry.put(snapshot, encode(snapshot), f"s_{number % 3}", float(second))
    return plain


@given(steps=STEPS, revision=st.integers(0, 40), moment=st.floats(0, 40))
def test_what_is_found_by_books_is_what_is_there(
    steps: list[tuple[str, int, OperationState, Lease, bool]], revision: int, moment: float
) -> None:
    """Changes since a revision, a session's operations, a user's count and oldest end, and what is old enough to go."""
    registry = Registry()
    plain = apply(registry, steps)
    entries = [item for item in plain.values() if isinstance(item, Entry)]
    assert list(registry.since(revision)) == [(key, item) for key, item in plain.items() if item.revision > revision]
    assert list(registry.entries()) == entries
    for owner in ("user_0", "user_1"):
        mine = [entry for entry in entries if entry.hub.owner == owner]
        assert registry.count_of(owner) == len(mine)
        ended = sorted((entry for entry in mine if entry.terminal), key=lambda entry: not entry.hub.stored)
        assert registry.first_ended_of(owner) is (ended[0] if ended else None)
        for session in ("s_0", "s_1", "s_2"):
            found = {entry.id for entry in registry.of_session(owner, session)}
            assert found == {entry.id for entry in mine if entry.session == session}
    left = [entry.id for entry in registry.take_left(moment)]
    assert set(left) == {entry.id for entry in entries if entry.leaves and entry.changed <= moment}


def test_outdated_lines_are_swept_out() -> None:
    """An operation that changes twenty thousand times leaves no twenty thousand lines."""
    registry = Registry()
    for seq in range(20_000):
        ended = seq % 2 == 1
        snapshot = Snapshot(id="op_1", name="x", state="succeeded" if ended else "running", seq=seq)
        registry.put(snapshot, b"{}", "s_1", float(seq))
    assert [key for key, _ in registry.since(0)] == ["op_1"]
    assert len(registry._changes) < 3_000
    assert len(registry._leaving) < 3_000
