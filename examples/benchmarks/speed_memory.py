"""The peak of a process's resident memory."""

from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_megabytes() -> float:
    """The most that this process had in memory at once, in MB."""
    if STATUS.exists():
        (line,) = [line for line in STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def memory_figures(imported: float) -> dict[str, dict[str, float]]:
    """What the process took beyond its imports, `imported` MB."""
    peak = peak_megabytes()
    return {"ten steps": {"megabytes": peak - imported, "megabytes_with_imports": peak}}
