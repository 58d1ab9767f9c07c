#!/usr/bin/env python3
"""The peer of perf/kmeans.c: scikit-learn's MiniBatchKMeans, one mini-batch an epoch, one thread.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 perf/peers/kmeans.py [REPETITIONS [EPOCHS [POINTS_AN_EPOCH]]]

Points are drawn as there (10 centres, 16 features), as one matrix an epoch, before the clock runs. Timed is user + system time of
the process for partial_fit alone; the first turn is thrown away. Centres to begin with are given, and none is reassigned.
"""
import statistics
import sys
import time
import warnings

import numpy
import sklearn
from sklearn.cluster import MiniBatchKMeans

FEATURES, CLUSTERS = 16, 10


def main():
    repetitions, n_epochs, n_points = [*map(int, sys.argv[1:4]), *(5, 16, 65536)[len(sys.argv) - 1:]]
    warnings.filterwarnings("ignore")
    rng = numpy.random.default_rng(1)
    centers = rng.integers(0, 1000, (CLUSTERS, FEATURES)) / 50
    epochs = [centers[rng.integers(0, CLUSTERS, n_points)] + rng.uniform(-1, 1, (n_points, FEATURES)) for _ in range(n_epochs)]
    model = MiniBatchKMeans(CLUSTERS, init=centers + 0.25, n_init=1, batch_size=n_points, reassignment_ratio=0)
    took = []
    for turn in range(repetitions + 1):
        began = time.process_time()
        for points in epochs:
            model.partial_fit(points)
        if turn > 0:
            took.append(time.process_time() - began)
    if abs(model.cluster_centers_ - centers).max() > 0.05:
        sys.exit("the centres were not found")
    rate = n_epochs * n_points / statistics.median(took) / 1e6
    print(f"kmeans scikit_learn={sklearn.__version__} points={n_points} epochs={n_epochs} mpoints_s={rate:.2f}")


if __name__ == "__main__":
    main()
