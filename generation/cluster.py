"""django-q2's cluster, made crash-only: when a child was killed, the whole group dies and its parent starts it anew.

A killed child may have owned a semaphore of the queues, and then the cluster freezes for good (half the time, when the
child was idle). It leans on internals: django-q2 is pinned, and a test kills an idle worker and the monitor.
"""

import os
import signal
from multiprocessing.process import BaseProcess

import structlog
from django_q import cluster

from generation.supervisor import die_with_parent

log = structlog.get_logger(__name__)


class _CrashOnlySentinel(cluster.Sentinel):  # type: ignore[misc]
    def reincarnate(self, process: BaseProcess) -> None:
        """Replace a child that ended by itself; die of one that was killed."""
        if process.exitcode is not None and process.exitcode < 0:
            log.error("a child was killed; the group ends", pid=process.pid, exit_code=process.exitcode)
            os.killpg(os.getpgrp(), signal.SIGKILL)
        super().reincarnate(process)


def run_cluster() -> None:
    """Run the cluster that the environment's Q_CLUSTER_NAME names, as leader of a group, until SIGTERM."""
    die_with_parent()
    cluster.Sentinel = _CrashOnlySentinel
    cluster.Cluster().start()
