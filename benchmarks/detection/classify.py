"""Train the AGN / PSR classifier and compare it with simple baselines on held-out skies.

    python benchmarks/detection/classify_sample.py -o SAMPLE
    python benchmarks/detection/classify_sample.py --measure TEST
    python benchmarks/detection/classify.py SAMPLE --test TEST ... [--write data/classifier.npz]

TEST: folders of simulated fields with the real mixture of classes and another diffuse model.
"""

import argparse
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table
from classify_sample import read

from fermiml.detect import classify
from fermiml.simulate import populations

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 1
BINS = (9, 25, 64, 200, 1e9)  # Asimov TS
TRAIN = ("train", "short")  # folders of the sample


def prior():
    """Coefficients of the prior, from ten skies of the nominal population."""
    rng = np.random.default_rng(SEED)
    shapes = populations.library()
    law = populations.PRESETS["nominal"]
    skies = [populations.draw(law, shapes, rng, faintest=1.5e-10) for _ in range(10)]
    table = Table()
    table["GLAT"] = np.concatenate([s.lat for s in skies])
    table["Flux1000"] = np.concatenate([s.flux1000 for s in skies])
    classes = np.concatenate([s.class1 for s in skies])
    return classify.fit_prior(table, np.isin(classes, ("PSR", "MSP")))


# --- the baselines ---------------------------------------------------------------------------


def logistic(columns):
    """Logistic regression on some features: a function of (training table, test table)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit(train, test):
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
        model.fit(np.nan_to_num(columns(train)), is_pulsar(train))
        return model.predict_proba(np.nan_to_num(columns(test)))[:, 1]

    return fit


def index(table):
    """The spectral index alone."""
    return np.asarray(table["PL_Index"], float)[:, None]


def band_fluxes(table):
    """Logarithms of the fitted band fluxes over Flux1000, as far as they are above the errors."""
    return classify.features(table)[:, -5:]


def published_cnn(train, test):
    """The network of Panes et al. 2021: 7x7 pixels of counts in five bands."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras import layers

    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            layers.Input((7, 7, 5)),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 2, padding="same", activation="relu"),
            layers.Conv2D(32, 2, padding="same", activation="relu"),
            layers.Dropout(0.1),
            layers.Flatten(),
            *(layers.Dense(n, activation="relu") for n in (128, 64, 32, 16)),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    held = np.isin(train["FIELD"], np.unique(train["FIELD"])[::6])
    images, truth = _images(train), is_pulsar(train).astype(int)
    callbacks = [
        keras.callbacks.EarlyStopping(patience=50, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=5),
    ]
    model.fit(
        images[~held], truth[~held], validation_data=(images[held], truth[held]),
        batch_size=128, epochs=500, verbose=0, callbacks=callbacks,
    )  # fmt: skip
    return model.predict(_images(test), verbose=0)[:, 1]


def _images(table):
    return np.moveaxis(np.nan_to_num(np.asarray(table["PATCH"], np.float32)), 1, -1)


def ours(train, test):
    """The classifier of fermiml, with as many pulsars as AGN expected."""
    model = classify.fit_classifier(train, is_pulsar(train), train["FIELD"], np.zeros(6), SEED)
    return 1 / (1 + np.exp(-model.spectral_logit(test)))


BASELINES = {
    "spectral index alone": logistic(index),
    "logistic regression on band fluxes": logistic(band_fluxes),
    "logistic regression on all features": logistic(classify.features),
    "published CNN on 7x7x5 counts": published_cnn,
    "fermiml": ours,
}


# --- the judgement ------------------------------------------------------------------------


def is_pulsar(table):
    """Which sources are pulsars."""
    return np.asarray(table["TRUE_CLASS"] == "PSR")


def recalls(pulsar, called):
    """Fractions of AGN and of pulsars that are classified correctly."""
    return np.array([np.mean(~called[~pulsar]), np.mean(called[pulsar])])


def describe(table):
    """How many sources of which class in how many fields."""
    pulsars = np.sum(is_pulsar(table))
    number = len(np.unique(table["FIELD"]))
    return f"{len(table) - pulsars} AGN and {pulsars} pulsars in {number} fields"


def in_bins(ts):
    """Masks of the sources in each bin of Asimov TS, and of those above 64."""
    return [(ts > low) & (ts <= high) for low, high in [*pairwise(BINS), (64, BINS[-1])]]


def report_numbers(pulsar, ts):
    """One line: how many AGN / pulsars there are."""
    cells = [f"{np.sum(~pulsar[rows])} / {np.sum(pulsar[rows])}" for rows in in_bins(ts)]
    print(f"| *number of AGN / pulsars* | {' | '.join(cells)} |")


def report_bins(name, pulsar, probability, ts):
    """One line of the table: recall of AGN / of pulsars and their mean, by Asimov TS."""
    cells = []
    for rows in in_bins(ts):
        agn, psr = recalls(pulsar[rows], probability[rows] > 0.5)
        cells.append(f"{agn:.2f} / {psr:.2f} / **{(agn + psr) / 2:.3f}**")
    print(f"| {name} | {' | '.join(cells)} |")


def report_confusion(table, probability, least):
    """Confusion matrix with the real mixture of classes."""
    rows = np.asarray(table["TS_Asimov"]) > least
    pulsar, called = is_pulsar(table)[rows], probability[rows] > 0.5
    print(f"\nAsimov TS > {least:g}, real mixture: rows true AGN, PSR; columns AGN, PSR")
    for truth in (~pulsar, pulsar):
        print(np.sum(truth & ~called), np.sum(truth & called))
    agn, psr = recalls(pulsar, called)
    print(f"recall AGN {agn:.3f}, PSR {psr:.3f}, balanced accuracy {(agn + psr) / 2:.3f}")


def report_reliability(pulsar, probability):
    """P(PSR) against the fraction of pulsars, in five bins of equal numbers."""
    order = np.argsort(probability)
    print("\n| mean P(PSR) | fraction of pulsars | sources |\n|---|---|---|")
    for rows in np.array_split(order, 5):
        share, number = pulsar[rows].mean(), len(rows)
        error = np.sqrt(max(share * (1 - share), 1 / number) / number)
        print(f"| {probability[rows].mean():.3f} | {share:.3f} ± {error:.3f} | {number} |")


def main():
    """Train, judge, print, and write what shall be installed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    train, test = read([options.sample / name for name in TRAIN]), read(options.test)
    pulsar, ts = is_pulsar(test), np.asarray(test["TS_Asimov"])
    print(machine(SEED))
    print(f"trained on {describe(train)}, tested on {describe(test)}")
    names = [f"{a:g}-{b:g}" for a, b in pairwise(BINS)]
    print(f"\n| Asimov TS | {' | '.join([*names, '>64'])} |\n|---|{'---|' * (len(names) + 1)}")
    report_numbers(pulsar, ts)
    for name, baseline in BASELINES.items():
        report_bins(name, pulsar, baseline(train, test), ts)
    final = classify.fit_classifier(train, is_pulsar(train), train["FIELD"], prior(), SEED)
    if options.write:
        final.save(options.write)
    probability = final.pulsar_probability(test)
    for least in (25, 64):
        report_confusion(test, probability, least)
    report_reliability(pulsar[ts > 25], probability[ts > 25])


if __name__ == "__main__":
    main()
