"""How fast this machine multiplies matrices in bfloat16: `python -m benchmarks.speed.rate`."""

import subprocess
import sys
import time
from statistics import median

SIZE, TIMES = 2048, 24


def rate() -> float:
    """Floating-point operations a second, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.rate"]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measured() -> float:
    """The median of TIMES products of two square matrices."""
    import torch

    left, right = (torch.randn(SIZE, SIZE, dtype=torch.bfloat16) for _ in range(2))
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        left @ right
        took.append(time.perf_counter() - began)
    return 2 * SIZE**3 / median(took)


if __name__ == "__main__":
    print(measured())
