"""How a cluster fails."""


class ClusterError(RuntimeError):
    """The processes cannot train together; the message names the worker and what is wrong with it.

    Example:
        >>> try:
        ...     raise ClusterError("worker 1 (10.0.0.2:2222) did not come within 300 s")
        ... except RuntimeError as error:
        ...     print(error)
        worker 1 (10.0.0.2:2222) did not come within 300 s
    """


class WorkerLost(ClusterError):
    """A worker ended or fell silent while the others trained; started again, all go on from the last saved state.

    Example:
        >>> issubclass(WorkerLost, ClusterError)
        True
    """
