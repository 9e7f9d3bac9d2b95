"""Many tasks at once: `ParallelTaskScheduler`, its tasks, and what it says before and after."""

from progress_kit.scheduler.parallel_processor import ParallelTaskScheduler
from progress_kit.scheduler.plan_preview import Preview
from progress_kit.scheduler.report import Report
from progress_kit.scheduler.task import Task

__all__ = ["ParallelTaskScheduler", "Preview", "Report", "Task"]
