"""Reference values of lib/statistics from statsmodels, scipy, cigate, judgy and ppi-python.

    pip install numpy scipy statsmodels cigate judgy ppi-python
    python make.py

writes the JSON files beside it. Where a package has the quantity, it is the package's; what none has (Tango's bound) is
maximised and solved numerically, from the definition and not from the closed form of lib/statistics.
"""

import json
import os

import numpy as np
import statsmodels.api as sm
from cigate.stats import analytic_estimate, rogan_gladen
from judgy import estimate_success_rate
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

HERE = os.path.dirname(os.path.abspath(__file__))
RANDOM = np.random.default_rng(17)


def write(name, rows):
    text = ",\n".join(json.dumps(row, default=float) for row in rows)
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write("[\n" + text + "\n]\n")


def t_distribution():
    for df in [1, 1.3, 2, 2.7, 5, 12.5, 149, 849, 20000]:
        for p in [0.51, 0.6, 0.9, 0.95, 0.975, 0.995, 0.99999]:
            t = stats.t.ppf(p, df)
            yield {"df": df, "p": p, "t": t, "tail": stats.t.sf(t, df)}


def tango_statistic(first, second, n, delta):
    """The score statistic with the restricted maximum of the likelihood, found by a search."""
    low, high = max(0.0, -delta), min(1.0, (1 - delta) / 2 if delta > -1 else 1.0)
    high = max(low, min(high, 1 - max(0.0, delta)))

    def negative(p21):
        p12, rest = p21 + delta, 1 - 2 * p21 - delta
        total = 0.0
        for count, p in [(second, p12), (first, p21), (n - first - second, rest)]:
            if count:
                total -= count * np.log(max(p, 1e-300))
        return total

    # the likelihood is concave: its maximum is where the slope is 0, or at an end
    def slope(p21):
        parts = [(second, p21 + delta, 1), (first, p21, 1), (n - first - second, 1 - 2 * p21 - delta, -2)]
        return sum(factor * count / max(p, 1e-300) for count, p, factor in parts if count)

    edge = 1e-15
    inside = high - low > 4 * edge and slope(low + edge) > 0 > slope(high - edge)
    found = optimize.brentq(slope, low + edge, high - edge, xtol=1e-16) if inside else low
    p21 = min([low, high, found], key=negative)
    variance = n * (2 * p21 + delta - delta * delta)
    return (second - first - n * delta) / np.sqrt(variance) if variance > 0 else np.inf * np.sign(second - first - n * delta)


def tango():
    counts = [(0, 0, 25), (0, 0, 520), (0, 1, 44), (1, 0, 44), (5, 2, 60), (2, 5, 60), (12, 9, 150), (0, 7, 150), (30, 31, 520),
              (3, 60, 520), (10, 10, 20), (0, 20, 20), (1, 1, 850)]
    for first, second, n in counts:
        for level in [0.9, 0.95, 0.99]:
            z = stats.norm.ppf(level)
            ends = []
            for target in (z, -z):
                edge = 1 - 1e-12
                value = lambda delta: tango_statistic(first, second, n, delta) - target
                ends.append(optimize.brentq(value, -edge, edge, xtol=1e-14) if value(-edge) * value(edge) < 0 else
                            (-1.0 if value(-edge) < 0 else 1.0))
            yield {"onlyFirst": first, "onlySecond": second, "n": n, "level": level, "low": ends[0], "high": ends[1]}


def agresti_min():
    for n, seeds, rate in [(30, 2, 0.1), (150, 3, 0.2), (520, 3, 0.02)]:
        a = (RANDOM.random((1, n)) < rate).astype(int)
        b = np.where(RANDOM.random((seeds, n)) < 0.1, 1 - a, a)
        differences = np.concatenate([(b - a).mean(0), [1, -1, 0]])
        described = DescrStatsW(differences, weights=np.concatenate([np.ones(n), [0.5, 0.5, 1]]), ddof=0)
        error = np.sqrt(described.var / described.sum_weights)
        z = stats.norm.ppf(0.95)
        yield {"a": a.tolist(), "b": b.tolist(), "low": described.mean - z * error, "high": described.mean + z * error}


def crossed():
    for k, n in [(2, 8), (3, 20), (4, 15)]:
        values = 5 + RANDOM.normal(0, 0.6, (k, 1)) + RANDOM.normal(0, 1, (1, n)) + RANDOM.normal(0, 0.8, (k, n))
        seeds, items = np.repeat(np.arange(k), n), np.tile(np.arange(n), k)
        dummies = [np.eye(k)[seeds][:, 1:], np.eye(n)[items][:, 1:]]
        full = sm.OLS(values.ravel(), sm.add_constant(np.hstack(dummies))).fit()
        without = [sm.OLS(values.ravel(), sm.add_constant(one)).fit() for one in (dummies[1], dummies[0])]
        # mean squares by what the fit loses without the factor
        ms_seed = (without[0].ssr - full.ssr) / (k - 1)
        ms_item = (without[1].ssr - full.ssr) / (n - 1)
        ms_res = full.ssr / full.df_resid
        parts = np.array([ms_seed / (k * n), ms_item / (k * n), ms_res / (k * n)])
        variance = parts[0] + parts[1] - parts[2]
        df = variance**2 / (parts**2 / np.array([k - 1, n - 1, full.df_resid])).sum()
        low, high = stats.t.interval(0.95, df, loc=values.mean(), scale=np.sqrt(variance))
        items_low, items_high = stats.ttest_1samp(values.mean(0), 0).confidence_interval()
        yield {"values": values.round(12).tolist(), "seeds": parts[0], "items": parts[1], "residual": parts[2],
               "low": low, "high": high, "theseLow": items_low, "theseHigh": items_high}


def wilson_of_means():
    for k, n, rate in [(1, 60, 0.1), (1, 520, 0.0)]:
        values = (RANDOM.random((k, n)) < rate).astype(int)
        low, high = proportion_confint(values.sum(), n, method="wilson")
        yield {"values": values.tolist(), "low": low, "high": high}


def slopes():
    for n, lambdas in [(9, [0.25, 0.5, 0.75]), (12, [0.1, 0.3, 0.4, 0.9]), (60, [0.2, 0.4, 0.6, 0.8])]:
        base = RANDOM.random((1, 2, n))
        values = (base + RANDOM.normal(0, 0.25, (len(lambdas), 2, n)) + 0.3 * np.array(lambdas)[:, None, None] > 0.75).astype(int)
        per_item = np.polyfit(lambdas, values.mean(1), 1)[0]
        test = stats.ttest_1samp(per_item, 0)
        interval = test.confidence_interval()
        flips = stats.permutation_test((per_item,), np.mean, permutation_type="samples", n_resamples=99999, rng=1)
        yield {"values": values.tolist(), "lambdas": lambdas, "value": per_item.mean(), "low": interval.low,
               "high": interval.high, "p": flips.pvalue, "exact": n <= 13}


def holm():
    for p in [[0.01, 0.04, 0.03], [0.5], [0.2, 0.2, 0.2], [0.9, 0.001, 0.02, 0.02, 1.0, 0.0], RANDOM.random(20).round(4).tolist()]:
        yield {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()}


def corrected():
    for positives, n, tp, m1, tn, m0 in [(104, 520, 85, 100, 180, 200), (2, 150, 45, 50, 118, 120), (500, 520, 85, 100, 180, 200),
                                         (0, 520, 100, 100, 200, 200), (60, 100, 70, 100, 60, 80), (33.5, 150, 80, 84, 77, 85)]:
        sensitivity, specificity = tp / m1, tn / m0
        for level in [0.9, 0.95]:
            _, _, low, high = analytic_estimate(positives / n, specificity, sensitivity, n, m0, m1, 1 - level)
            row = {"positives": positives, "n": n, "level": level, "low": low, "high": high,
                   "calibration": {"truePositives": tp, "positives": m1, "trueNegatives": tn, "negatives": m0},
                   "value": rogan_gladen(positives / n, sensitivity, specificity)}
            if positives == int(positives):
                labels = [1] * m1 + [0] * m0
                judged = [1] * tp + [0] * (m1 - tp) + [0] * tn + [1] * (m0 - tn)
                asked = [1] * positives + [0] * (n - positives)
                row["judgy"] = estimate_success_rate(labels, judged, asked, bootstrap_iterations=1)[0]
            yield row


def powered():
    for n, many, error in [(40, 300, 0.1), (100, 520, 0.25), (60, 60, 0.5)]:
        truth = (RANDOM.random(n) < 0.3).astype(float)
        judged = np.where(RANDOM.random(n) < error, 1 - truth, truth)
        asked = (RANDOM.random(many) < 0.35).astype(float)
        for level in [0.9, 0.95]:
            low, high = ppi_mean_ci(truth, judged, asked, alpha=1 - level)
            yield {"truth": truth.astype(int).tolist(), "judged": judged.astype(int).tolist(), "unlabelled": asked.astype(int).tolist(),
                   "level": level, "value": float((low[0] + high[0]) / 2), "low": float(low[0]), "high": float(high[0]),
                   "plain": float(ppi_mean_pointestimate(truth, judged, asked, lam=1)[0])}


def needed():
    for margin, rate, discordant, level, power in [(0.05, 0.76, 0.08, 0.95, 0.8), (0.1, 0.2, 0.1, 0.95, 0.8), (0.1, 0.02, 0.1, 0.975, 0.9),
                                                   (0.05, 0.02, 0.1, 0.95, 0.8)]:
        share, z = min(discordant, 2 * rate, 2 * (1 - rate)), stats.norm.ppf(level)
        memo = {}

        def holds(first, second, n):
            key = (first, second, n)
            if key not in memo:
                memo[key] = tango_statistic(first, second, n, margin) <= -z + 1e-9
            return memo[key]

        def passes(n):
            total = 0.0
            for count in range(n + 1):
                chance = stats.binom.pmf(count, n, share)
                if chance > 1e-9:
                    worse = np.arange(count + 1)
                    total += chance * sum(stats.binom.pmf(w, count, 0.5) for w in worse if holds(count - w, w, n))
            return total

        low = int(np.ceil(z * z * (1 - margin) / margin)) - 1
        high = low * 2
        while passes(high) < power:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if passes(middle) >= power else (middle, high)
        # power rises in teeth: the number from which on it is enough
        reach = 3 * int(np.ceil(1 / margin))
        last = max([low] + [n for n in range(max(low, high - reach), high + reach) if passes(n) < power])
        yield {"margin": margin, "rate": rate, "discordant": discordant, "level": level, "power": power, "equallySafe": last + 1}


def kept():
    n = 200
    aligned = (RANDOM.random((1, n)) < 0.3).astype(int)
    tuned = np.maximum(aligned, RANDOM.random((1, n)) < 0.5).astype(int)
    merged = np.where(RANDOM.random((1, n)) < 0.7, tuned, aligned)
    share = lambda a, t, m, axis=-1: (m.mean(axis) - a.mean(axis)) / (t.mean(axis) - a.mean(axis))
    found = stats.bootstrap((aligned[0], tuned[0], merged[0]), share, paired=True, method="percentile", n_resamples=50000, rng=1)
    yield {"aligned": aligned.tolist(), "tuned": tuned.tolist(), "merged": merged.tolist(), "value": share(aligned[0], tuned[0], merged[0]),
           "low": found.confidence_interval.low, "high": found.confidence_interval.high}


def equal_score():
    """The difference, and its standard deviation over resampled items of both kinds, everything computed anew in each."""
    for k, n, tasks in [(1, 400, 500), (3, 300, 300)]:
        def models(rates, count):
            hard = RANDOM.normal(0, 1.4, count)
            cut = stats.norm.ppf(rates) * np.sqrt(1 + 1.4**2)
            return [(hard + RANDOM.normal(0, 1, (k, count)) < one).astype(int) for one in cut]

        rates, scores = models([0.15, 0.08, 0.4], n), models([0.7, 0.5, 0.85], tasks)

        def difference(at, of):
            m, l, u = (one[:, of].mean() for one in scores)
            share = (m - l) / (u - l)
            a, b, c = (one[:, at].mean() for one in rates)
            return a - (1 - share) * b - share * c

        draws = [difference(RANDOM.integers(0, n, n), RANDOM.integers(0, tasks, tasks)) for _ in range(20000)]
        names = ["merged", "lower", "upper"]
        yield {"compared": dict(zip(names, (one.tolist() for one in rates))), "score": dict(zip(names, (one.tolist() for one in scores))),
               "value": difference(slice(None), slice(None)), "deviation": np.std(draws)}


for name, rows in {"t": t_distribution, "tango": tango, "agrestiMin": agresti_min, "crossed": crossed, "wilson": wilson_of_means,
                   "slopes": slopes, "holm": holm, "corrected": corrected, "powered": powered, "needed": needed, "kept": kept, "equalScore": equal_score}.items():
    write(f"{name}.json", rows())
    print(name)
