"""Makes cmaEs.json: runs of PyPI's `cmaes` 0.13.1 (MIT), for comparison with lib/search/optimisers/cmaEs.ts.

Both are given the same normal draws. `cmaes` multiplies them by B D, the eigenvectors and the roots of the eigenvalues, whose signs and
order are arbitrary; ours multiplies by B D B^T. So it is given B^T z in place of z, which is as normal as z.

    python -m pip install cmaes==0.13.1 numpy && python makeCmaEs.py
"""

import json
import pathlib

import numpy as np
from cmaes import CMA


class GivenDraws:
    """Stands for numpy's generator."""

    def __init__(self, draws):
        self.draws, self.used, self.optimiser = draws, 0, None

    def randn(self, n):
        z = np.array(self.draws[self.used : self.used + n])
        self.used += n
        vectors, _ = self.optimiser._eigen_decomposition()
        return vectors.T @ z


def ellipsoid(x):
    """Turned, with its minimum outside of the bounds in one direction."""
    n = len(x)
    y = x - np.linspace(0.2, 1.1, n)
    y = np.array([y[i] + 0.5 * y[(i + 1) % n] for i in range(n)])
    return float(sum(10 ** (2 * i / max(1, n - 1)) * y[i] ** 2 for i in range(n)))


def run(n, population, generations, seed):
    draws = [round(float(z), 4) for z in np.random.RandomState(seed).randn(4 * n * population * generations)]
    rng = GivenDraws(draws)
    bounds = np.array([[0.0, 1.0]] * n)
    optimiser = CMA(mean=np.full(n, 0.5), sigma=0.25, bounds=bounds, population_size=population)
    optimiser._rng = rng
    rng.optimiser = optimiser
    told = []
    for _ in range(generations):
        points = [optimiser.ask() for _ in range(optimiser.population_size)]
        optimiser.tell([(x, ellipsoid(x)) for x in points])
        optimiser._eigen_decomposition()
        told.append(
            {
                "points": [[round(float(v), 9) for v in x] for x in (points[0], points[-1])],
                "mean": [round(float(v), 9) for v in optimiser.mean],
                "sigma": round(float(optimiser._sigma), 9),
                "covariance": [[round(float(v), 9) for v in row] for row in optimiser._C[:2]],
            }
        )
    return {"n": n, "population": optimiser.population_size, "draws": draws[: rng.used], "generations": told}


if __name__ == "__main__":
    runs = [run(2, 6, 12, 1), run(5, 8, 12, 2), run(9, 12, 10, 3)]
    pathlib.Path(__file__).with_name("cmaEs.json").write_text(json.dumps({"cmaes": "0.13.1", "runs": runs}) + "\n")
