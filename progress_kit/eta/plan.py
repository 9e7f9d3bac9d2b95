"""From the stages to the whole: what the running ones still take, and those that have not begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from progress_kit.eta.stage import Outlook
from progress_kit.eta.why import Facts
from progress_kit.eta.work import EXPONENTS, Work, share_of_time
from progress_kit.model import Prior, Stage, StagePrior, is_terminal

_GUESS: Final = 0.7
"""How unsure a stage is that has not begun and of which nothing but its size or weight is known."""
_WIDTH: Final = 2.563
"""So many standard deviations lie between the 10th and the 90th percentile."""
_TINY: Final = 1e-9
_BY_ITEMS: Final = 0.8
"""A stage's time goes with its size to this power: some stages take as long whatever their size; most do not."""
_AT_MOST: Final = 0.4
_AT_LEAST: Final = 0.1
_ONE_RUN: Final = 0.09
"""How unsure history is at most and at least, and how much one run adds, as a variance; so many make it less."""
_AS_USUAL: Final = 4.0
"""How much speaks at first for a run as fast as usual; and so many parts of the usual time make a stage tell fully."""
_LATE: Final = 0.5
"""By how much history is less sure of a stage's end than of its begin."""
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
    """Seconds left of the whole, how unsure they are, and what they rest on; `usual` is what history says of it all."""

    left_s: float
    unsure: float
    by_cost: float
    by_history: float
    facts: Facts | None = None
    usual_s: float | None = None


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
        low, middle, high = prior.duration_s
        unsure = log(max(high, _TINY) / max(low, _TINY)) / _WIDTH
        total = part.stage.total
        if prior.seconds_per_item is not None and total:
            by_items = prior.seconds_per_item * total
            if part.work is not None and prior.seconds_per_cost and prior.cost_exponent in EXPONENTS:
                which = EXPONENTS.index(prior.cost_exponent)
                by_items = prior.seconds_per_cost * part.work.total[which] * part.work.unit**prior.cost_exponent
            middle = by_items**_BY_ITEMS * max(middle, _TINY) ** (1 - _BY_ITEMS)
            unsure = min(unsure, _AT_MOST)
        if middle <= 0:
            return None
        return middle, sqrt(max(unsure, _AT_LEAST) ** 2 + _ONE_RUN / max(self.runs, 1))


def whole(parts: Sequence[Part], history: History, *, weights_given: bool) -> Whole | None:
    """Return what is left of all stages; None if for some of them there is no basis."""
    usual = [history.of_stage(part) for part in parts]
    speed, speed_unsure = _speed(parts, usual, history)
    lefts: list[Outlook] = []
    rested = 0.0
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
    left_s = sum(each.left_s for each in lefts)
    if left_s <= 0:
        return None
    alike = sum(each.left_s * each.unsure for each in lefts) / left_s
    apart = sqrt(sum((each.left_s * each.unsure) ** 2 for each in lefts)) / left_s
    known = [each[0] for each in usual if each is not None]
    return Whole(
        left_s,
        (alike + apart) / 2,
        sum(each.left_s * each.by_cost for each in lefts) / left_s,
        rested / left_s,
        _material(lefts, left_s),
        sum(known) if len(known) == len(parts) else None,
    )


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
    even = duration_s * (1.0 - history.share_of_time(part))
    rest = duration_s - part.spent_s
    left_s = sqrt(max(even, _TINY) * max(rest, _REST * even, 0.1 * part.spent_s * (part.share <= 0), _TINY))
    return Outlook(left_s, unsure + _LATE * part.share)


def _mixed(own: Outlook, foretold: Outlook, share: float) -> tuple[Outlook, float]:
    mine, theirs = 1 / max(own.unsure, 0.05) ** 2, 1 / max(foretold.unsure, 0.05) ** 2
    theirs *= 1.0 - share
    middle = (mine * log(max(own.left_s, _TINY)) + theirs * log(max(foretold.left_s, _TINY))) / (mine + theirs)
    apart = abs(log(max(own.left_s, _TINY) / max(foretold.left_s, _TINY)))
    unsure = sqrt(1 / (mine + theirs) + (0.3 * apart) ** 2 * min(mine, theirs) / (mine + theirs))
    part = theirs / (mine + theirs)
    return Outlook(exp(middle), unsure, own.by_cost * (1 - part), own.facts), part


def _by_others(part: Part, parts: Sequence[Part], *, weights_given: bool) -> Outlook | None:
    """Guess a stage by those that are known: by its weight if the user gave weights, else by its size too."""
    per_weight: list[tuple[float, float, float]] = []
    for each in parts:
        if is_terminal(each.stage.state) and each.spent_s > 0:
            per_weight.append((each.spent_s, each.stage.weight, float(each.stage.total or each.stage.done)))
        elif each.outlook is not None:
            per_weight.append((each.spent_s + each.outlook.left_s, each.stage.weight, float(each.stage.total or 0)))
    spent = sum(each[0] for each in per_weight)
    if spent <= 0:
        return None
    by_weight = spent / sum(each[1] for each in per_weight) * part.stage.weight
    items = sum(each[2] for each in per_weight)
    total = part.stage.total
    if weights_given:
        guess = by_weight
    elif total and items > 0:
        guess = (spent / items * total) ** 0.25 * by_weight**0.75
    else:
        return None
    left_s = guess - part.spent_s
    if left_s <= 0.1 * guess:
        left_s = 0.1 * guess if total else 0.0
    return Outlook(left_s, _GUESS) if left_s > 0 else None


def _by_total(parts: Sequence[Part], history: History) -> Whole | None:
    """Return what is left of what a run usually takes."""
    if history.total_s is None:
        return None
    low, middle, high = history.total_s
    left_s = middle - sum(part.spent_s for part in parts)
    if left_s <= 0:
        return None
    unsure = log(max(high, _TINY) / max(low, _TINY)) / _WIDTH
    unsure = sqrt(max(unsure, 0.1) ** 2 + 0.09 / max(history.runs, 1)) * middle / left_s
    return Whole(left_s, min(unsure, 2.0), 0.0, 1.0, None, middle)
