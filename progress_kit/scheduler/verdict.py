"""What the end of a scheduler's block raises."""

from collections.abc import Iterable

from progress_kit.errors import OperationCancelled
from progress_kit.scheduler.plan import Plan
from progress_kit.scheduler.task import is_consequence


def verdict(name: str, plan: Plan, error: BaseException | None, *, own_cancel: bool) -> BaseException | None:
    """Return what is to be raised; the block was left by `error`, or by nothing.

    That is `error` itself unless tasks have failed too: then a group of everything. Neither `KeyboardInterrupt` nor any
    other exception that is no `Exception` is put into a group. `own_cancel`: the block itself has cancelled the rest.
    """
    if error is not None and not isinstance(error, Exception | BaseExceptionGroup):
        return error
    if plan.failures and plan.on_error != "continue":
        errors = [each.error for each in plan.failures if each.error is not None]
        if error is not None and not _is_known(error, errors):
            errors.insert(0, error)
        if len(errors) == 1 and isinstance(errors[0], KeyboardInterrupt | SystemExit):
            return errors[0]
        tasks = "a task" if plan.failed == 1 else f"{plan.failed:,} tasks"
        more = "" if plan.failed == len(plan.failures) else f"; these are the first {len(plan.failures):,}"
        return BaseExceptionGroup(f"{tasks} of {name!r} failed{more}", errors)
    if error is None and plan.stopping is not None and not own_cancel:
        return OperationCancelled(f"{name} was cancelled: {plan.stopping}")
    return error


def _is_known(error: BaseException, failures: Iterable[BaseException]) -> bool:
    """Whether the exception that left the block only says that a task failed."""
    return is_consequence(error) or isinstance(error, OperationCancelled) or any(each is error for each in failures)
