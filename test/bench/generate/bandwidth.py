"""Prints the read bandwidth of memory in GB/s with the given number of threads: the best of several sums over 1 GiB."""
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
x = torch.ones(2**28)
best = 0
for _ in range(8):
    started = time.perf_counter()
    x.sum()
    best = max(best, x.numel() * 4 / (time.perf_counter() - started) / 1e9)
print(best)
