"""contactd worker: jobs that take long, each in a process of its own with limits of its own. See README.rst."""

from contactd.worker.kinds import KINDS, Kind
from contactd.worker.worker import Worker

__all__ = ["KINDS", "Kind", "Worker"]
