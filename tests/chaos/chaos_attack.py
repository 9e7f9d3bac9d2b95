"""20,000 hostile frames against the pure hub with its real codec: what became of them, and the slowest."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from progress_kit import clock
from progress_kit.errors import ProtocolError
from progress_kit.protocol import decode_client
from tests.attack.frames import broken_frames, frames
from tests.attack.target import ROLES, Target

EXAMPLES = 10_000
LIMIT = 256 * 1024
at_length = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    "hostile", [pytest.param(frames, id="from the schema"), pytest.param(broken_frames(), id="broken bytes")]
)
def test_ten_thousand_frames_of_each_sort(
    hostile: st.SearchStrategy[bytes], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """The victim's view stays as it is, the attacker sees nothing of it, and what is refused changes nothing."""
    outcomes: Counter[str] = Counter()
    slowest_s = 0.0

    @at_length
    @given(hostile, st.sampled_from(ROLES))
    def attack(frame: bytes, role: str) -> None:
        nonlocal slowest_s
        target = Target(role)
        begun = clock.monotonic()
        target.attack(frame)
        slowest_s = max(slowest_s, clock.monotonic() - begun)
        try:
            decode_client(frame, limit=LIMIT)
        except ProtocolError as error:
            outcomes[error.code] += 1
        else:
            outcomes["a message"] += 1

    attack()
    with capsys.disabled():
        told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
        print(f"\n{request.node.name}: {outcomes.total()} frames ({told}), slowest {slowest_s * 1e3:.0f} ms")
