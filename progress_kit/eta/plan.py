"""From the stages to the whole: what the running ones still take, and those that have not begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from progress_kit.eta.bounds import MOST
from progress_kit.eta.learning import BY_SIZE
from progress_kit.eta.slowdown import Usual
from progress_kit.eta.stage import Outlook
from progress_kit.eta.tasks import residual
from progress_kit.eta.why import Facts
from progress_kit.eta.work import EXPONENTS, Work, share_of_time
from progress_kit.model import Prior, Stage, StagePrior, is_terminal

_GUESS: Final = 0.7
"""How unsure a stage is that has not begun and of which nothing but its size or weight is known."""
_BLIND: Final = 1.4
"""How far apart the stages of one operation are, as a logarithm, where the user has given no weights."""
_SAME: Final = 0.75
_OTHER: Final = 0.25
"""The time of two stages differs by their sizes to this power, if these are of the same unit, or of others."""
_WIDTH: Final = 2.563
"""So many standard deviations lie between the 10th and the 90th percentile."""
_TINY: Final = 1e-9
_LINEAR: Final = EXPONENTS.index(1.0)
_APART: Final = 0.35
_RUNS: Final = 3
"""Before any was seen, runs are taken to be so far apart, as a logarithm; that counts as so many runs."""
_AS_USUAL: Final = 8.0
"""How much speaks at first for a run as fast as usual; and so many parts of the usual time make a stage tell fully."""
_PASSES: Final = 0.3
"""What slows a run down is taken to pass: where a stage's own course and history disagree, and neither is much surer,
what is left is shorter than what lies between them by so much of how far they are apart."""
_LATE: Final = 0.5
"""By how much history is less sure of a stage's end than of its begin."""
_WIDEST: Final = 3.0
"""Runs are not farther apart than by a factor of twenty."""
_AT_MOST: Final = 1.5
"""How unsure a stage is at most."""
_REST: Final = 0.1
"""A stage that has used up its usual time still has at least so much of what its share would make."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage as the plan sees it."""

    stage: Stage
    spent_s: float
    share: float
    outlook: Outlook | None
    work: Work | None


@dataclass(frozen=True, slots=True)
class Whole:
    """Seconds left of the whole, how unsure they are, and what they rest on.

    `usual` is what history says of it all, if it does.
    """

    left_s: float
    unsure: float
    by_cost: float
    by_history: float
    by_guess: float = 0.0
    facts: Facts | None = None
    usual: Usual | None = None


class History:
    """What a prior says about each stage of this run."""

    def __init__(self, prior: Prior | None) -> None:
        self.runs = prior.runs if prior is not None else 0
        self.total_s = prior.total_s if prior is not None and prior.runs else None
        self._stages: Mapping[str, StagePrior] = {stage.name: stage for stage in prior.stages} if prior else {}

    def course(self, name: str) -> Sequence[float]:
        """Return which share of a stage's time usually had passed when a tenth, two tenths … of it were done."""
        prior = self._stages.get(name)
        return prior.course if prior is not None else ()

    def share_of_time(self, part: Part) -> float:
        """Return the share of a stage's time that usually had passed where this one is now."""
        course = self.course(part.stage.name)
        return share_of_time(course, part.share) if course else part.share

    def of_stage(self, part: Part) -> tuple[float, float] | None:
        """Return how long a stage of this size should take, and how unsure that is."""
        prior = self._stages.get(part.stage.name)
        if prior is None:
            return None
        middle = prior.duration_s[1]
        total = part.stage.total
        if prior.seconds_per_item is not None and total:
            by_items = prior.seconds_per_item * total
            if part.work is not None and prior.seconds_per_cost and prior.cost_exponent in EXPONENTS:
                by_items = prior.seconds_per_cost * part.work.whole()[EXPONENTS.index(prior.cost_exponent)]
            middle = by_items**BY_SIZE * max(middle, _TINY) ** (1 - BY_SIZE)
        return (min(middle, MOST), foreseen(prior, self.runs)) if middle > 0 else None


def foreseen(prior: StagePrior, runs: int) -> float:
    """Return how far the next run's stage may be from the middle of earlier ones, as a logarithm."""
    seen, square = max(runs - 1, 0), _APART * _APART * _RUNS
    if prior.spread is not None:
        square += seen * prior.spread * prior.spread
    elif seen:
        low, _, high = prior.duration_s
        square += seen * (log(max(high, _TINY) / max(low, _TINY)) / _WIDTH) ** 2
    return min(_WIDEST, sqrt(square / (_RUNS + seen) * (1.0 + 1.0 / max(runs, 1))))


def whole(parts: Sequence[Part], history: History, *, weights_given: bool) -> Whole | None:
    """Return what is left of all stages; None if for some of them there is no basis."""
    usual = [history.of_stage(part) for part in parts]
    speed, speed_unsure = _speed(parts, usual, history)
    lefts: list[Outlook] = []
    rested = guessed = 0.0
    for part, prior in zip(parts, usual, strict=True):
        if is_terminal(part.stage.state):
            continue
        own = part.outlook
        foretold = None
        if prior is not None:
            foretold = _by_history(part, history, prior[0] * speed, sqrt(prior[1] ** 2 + speed_unsure**2))
        if own is not None and foretold is not None:
            mixed, share = _mixed(own, foretold, part.share)
            lefts.append(mixed)
            rested += share * mixed.left_s
        elif own is not None:
            lefts.append(own)
        elif foretold is not None:
            lefts.append(foretold)
            rested += foretold.left_s
        else:
            guess = _by_others(part, parts, weights_given=weights_given)
            if guess is None:
                return _by_total(parts, history)
            lefts.append(guess)
            guessed += guess.left_s
    left_s = sum(each.left_s for each in lefts)
    if left_s <= 0:
        return None
    beyond = [each.left_s * (exp(min(each.unsure, _AT_MOST)) - 1.0) for each in lefts]
    alike, apart = sum(beyond), sqrt(sum(each * each for each in beyond))
    known = [each for each in usual if each is not None]
    return Whole(
        left_s,
        log(1.0 + (alike + apart) / 2 / left_s),
        sum(each.left_s * each.by_cost for each in lefts) / left_s,
        rested / left_s,
        guessed / left_s,
        _material(lefts, left_s),
        _usual(known, history) if len(known) == len(parts) else None,
    )


def _usual(stages: Sequence[tuple[float, float]], history: History) -> Usual:
    """Return what a whole run takes: where one stage is slow, all may be."""
    seconds = sum(each[0] for each in stages)
    return Usual(seconds, sum(each[0] * each[1] for each in stages) / max(seconds, _TINY), history.runs)


def _material(lefts: Sequence[Outlook], left_s: float) -> Facts | None:
    """Return what there is to say of the stage that makes most of what is left, if one does."""
    most = max(lefts, key=lambda each: each.left_s)
    return most.facts if 2 * most.left_s > left_s else None


def _speed(parts: Sequence[Part], usual: Sequence[tuple[float, float] | None], history: History) -> tuple[float, float]:
    """Return by which factor this run is slower than history says, and how unsure that is."""
    score, weight = 0.0, _AS_USUAL
    for part, prior in zip(parts, usual, strict=True):
        if prior is None or part.spent_s <= 0:
            continue
        foretold = prior[0] * (1.0 if is_terminal(part.stage.state) else history.share_of_time(part))
        if foretold <= 0:
            continue
        trust = min(1.0, foretold / max(sum(each[0] for each in usual if each), _TINY) * _AS_USUAL) / prior[1] ** 2
        score += trust * max(-2.0, min(2.0, log(max(part.spent_s / foretold, _TINY))))
        weight += trust
    return exp(score / weight), 1 / sqrt(weight + 4)


def _by_history(part: Part, history: History, duration_s: float, unsure: float) -> Outlook:
    if part.share <= 0:
        return _rest(duration_s, unsure, part.spent_s)
    even_s = duration_s * (1.0 - history.share_of_time(part))
    rest_s = max(duration_s - part.spent_s, _REST * even_s, _TINY)
    return Outlook(sqrt(max(even_s, _TINY) * rest_s), unsure + _LATE * part.share)


def _mixed(own: Outlook, foretold: Outlook, share: float) -> tuple[Outlook, float]:
    mine, theirs = 1 / max(own.unsure, 0.05) ** 2, 1 / max(foretold.unsure, 0.05) ** 2
    theirs *= 1.0 - share
    middle = (mine * log(max(own.left_s, _TINY)) + theirs * log(max(foretold.left_s, _TINY))) / (mine + theirs)
    apart = abs(log(max(own.left_s, _TINY) / max(foretold.left_s, _TINY)))
    unsure = sqrt(1 / (mine + theirs) + (0.3 * apart) ** 2 * min(mine, theirs) / (mine + theirs))
    part = theirs / (mine + theirs)
    middle -= _PASSES * apart * 2 * min(part, 1 - part)
    return Outlook(exp(middle), unsure, own.by_cost * (1 - part), own.facts), part


def _by_others(part: Part, parts: Sequence[Part], *, weights_given: bool) -> Outlook | None:
    """Guess a stage by those that are known: by its weight if the user gave weights, else by its size too."""
    known: list[tuple[float, Part]] = []
    for each in parts:
        if is_terminal(each.stage.state) and each.spent_s > 0:
            known.append((each.spent_s, each))
        elif each.outlook is not None:
            known.append((each.spent_s + each.outlook.left_s, each))
    total = part.stage.total
    if weights_given:
        weight, unsure = sum(each.stage.weight for _, each in known), _GUESS
        guess = sum(seconds for seconds, _ in known) / weight * part.stage.weight if weight > 0 else 0.0
    elif total:
        guess, unsure = _by_size(part, known), _BLIND * sqrt(1.0 + 1.0 / max(len(known), 1))
    else:
        return None
    if guess <= 0 or (part.spent_s >= guess and not total):
        return None
    return _rest(guess, unsure, part.spent_s)


def _rest(duration_s: float, unsure: float, spent_s: float) -> Outlook:
    """Return what is left of a stage that counts nothing: the longer it lasts beyond what was expected, the more."""
    left_s = residual(duration_s, unsure, spent_s)
    return Outlook(left_s, min(unsure * max(1.0, duration_s / max(left_s, _TINY)), _AT_MOST))


def _by_size(part: Part, known: Sequence[tuple[float, Part]]) -> float:
    """Return how long a stage takes if it is like those that are known; 0 if there are none.

    Where one of them has costs too, or counts the same, a larger one takes longer; else its size tells little.
    """
    costs = [(seconds, _cost(each)) for seconds, each in known if part.work is not None and each.work is not None]
    same = [(seconds, _items(each)) for seconds, each in known if each.stage.unit == part.stage.unit != ""]
    for found, size, power in (
        (costs, _cost(part), _SAME),
        (same, _items(part), _SAME),
        ([(seconds, _items(each)) for seconds, each in known], _items(part), _OTHER),
    ):
        whole = sum(each[1] for each in found)
        if whole > 0 and size > 0:
            mean, larger = sum(each[0] for each in found) / len(found), size * len(found) / whole
            return float(mean * larger**power)
    return 0.0


def _items(part: Part) -> float:
    return float(part.stage.total or part.stage.done)


def _cost(part: Part) -> float:
    return part.work.whole()[_LINEAR] if part.work is not None else 0.0


def _by_total(parts: Sequence[Part], history: History) -> Whole | None:
    """Return what is left of what a run usually takes."""
    if history.total_s is None:
        return None
    middle = history.total_s[1]
    left_s = middle - sum(part.spent_s for part in parts)
    if left_s <= 0:
        return None
    whole = StagePrior(name="", duration_s=history.total_s)
    unsure = foreseen(whole, history.runs)
    return Whole(left_s, min(unsure * middle / left_s, 2.0), 0.0, 1.0, usual=Usual(middle, unsure, history.runs))
