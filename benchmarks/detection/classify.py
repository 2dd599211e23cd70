"""Train the classifier of sources and compare it with simple ones, on sources that it never saw.

    python benchmarks/detection/classify_sample.py -o SAMPLE
    python benchmarks/detection/classify.py SAMPLE [--write data/classifier.npz] [--cnn] [-o DIR]

All learn from the training sets of the sample and are judged on its held ones: other spectra, other
parts of the sky, another diffuse model. Writes classes_confusion.png and classes_reliability.png to
DIR. `--cnn` adds the published network, which takes minutes.
"""

import argparse
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from classify_sample import TRAINING, read

from fermiml.catalog.source_classes import KINDS, kinds_of
from fermiml.detect import classify
from fermiml.evaluate import metrics
from fermiml.model import from_catalog
from fermiml.plot import performance, style
from fermiml.simulate import populations
from fermiml.train.kinds import fit_classifier, fit_prior

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 1
BINS = (9, 25, 64, 200, 1e9)  # Asimov TS
BRIGHT = 64.0  # Asimov TS of the sources in the figures
HELD = ("held", "held_low")
SKIES = 10  # of the nominal population, for the prior
FAINTEST = 1.5e-10  # ph cm-2 s-1
DRAWS = 200  # of the bootstrap, over spectra
GROUPS = {  # of kinds: fewer classes
    "BLL, FSRQ, PSR, SNR, OTH": dict(zip(KINDS, KINDS, strict=True)),
    "AGN, PSR, SNR": {"BLL": "AGN", "FSRQ": "AGN", "PSR": "PSR", "SNR": "SNR"},
    "AGN, PSR": {"BLL": "AGN", "FSRQ": "AGN", "PSR": "PSR"},
    "BLL, FSRQ": {"BLL": "BLL", "FSRQ": "FSRQ"},
}


# --- the prior -------------------------------------------------------------------------------


def priors():
    """Coefficients of the prior, without and with the position."""
    table = population()
    kind = np.asarray(table["KIND"])
    return tuple(fit_prior(table, kind, by_position) for by_position in (False, True))


def population():
    """Sources of ten skies: the nominal population, and ten times 4FGL-DR4's of other kinds."""
    rng = np.random.default_rng(SEED)
    law, shapes = populations.PRESETS["nominal"], populations.library()
    skies = [populations.draw(law, shapes, rng, faintest=FAINTEST) for _ in range(SKIES)]
    drawn = Table({
        "GLAT": np.concatenate([s.lat for s in skies]),
        "Flux1000": np.concatenate([s.flux1000 for s in skies]),
        "KIND": kinds_of(np.concatenate([s.class1 for s in skies])),
    })  # fmt: skip
    real = catalog()
    real["KIND"] = kinds_of(real["CLASS1"])
    rare = np.isin(real["KIND"], ("SNR", "OTH")) & (np.asarray(real["Flux1000"]) > FAINTEST)
    return vstack([drawn, *SKIES * [real[rare]["GLAT", "Flux1000", "KIND"]]])


def catalog():
    """4FGL-DR4, from fermipy."""
    table = Table.read(from_catalog.find("4FGL-DR4"), hdu=1)
    table["CLASS1"] = np.char.strip(np.asarray(table["CLASS1"], str))
    return table


# --- the baselines: functions of (training table, test table) that return (source, kind) ---------


def by_sklearn(make, columns):
    """A classifier of scikit-learn on some features."""

    def fit(train, test):
        model = make().fit(np.nan_to_num(columns(train)), numbers(train))
        return model.predict_proba(np.nan_to_num(columns(test)))

    return fit


def logistic():
    """Logistic regression on scaled features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), regression)


def forest():
    """A random forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(300, min_samples_leaf=5, class_weight="balanced_subsample",
                                  random_state=SEED)  # fmt: skip


def index(table):
    """The spectral index alone, and its square: a class may lie between others."""
    value = np.asarray(table["PL_Index"], float)[:, None]
    return np.hstack([value, value**2])


def like_4fgl(table):
    """What studies of 4FGL's unassociated sources use: index, curvature, significances, colours."""
    bands = classify.features(table)[:, -7:]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.column_stack([
            table["PL_Index"], table["LP_Index"], table["LP_beta"], table["LP_SigCurv"],
            np.log(table["Pivot_Energy"]), np.log(table["Energy_Flux100"]),
            np.log(table["Unc_Energy_Flux100"]),
        ])  # fmt: skip
    own = np.where(np.isfinite(own), own, np.nan)
    return np.hstack([own, np.diff(bands, axis=1)])


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
            layers.Dense(len(KINDS), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    held = np.isin(train["FIELD"], np.unique(train["FIELD"])[::6])
    images, truth = _images(train), numbers(train)
    callbacks = [
        keras.callbacks.EarlyStopping(patience=50, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=5),
    ]
    model.fit(
        images[~held], truth[~held], validation_data=(images[held], truth[held]),
        batch_size=128, epochs=500, verbose=0, callbacks=callbacks,
    )  # fmt: skip
    return model.predict(_images(test), verbose=0)


def _images(table):
    return np.moveaxis(np.nan_to_num(np.asarray(table["PATCH"], np.float32)), 1, -1)


BASELINES = {
    "spectral index alone": by_sklearn(logistic, index),
    "logistic regression, 4FGL-like": by_sklearn(logistic, like_4fgl),
    "random forest, 4FGL-like": by_sklearn(forest, like_4fgl),
    "logistic regression, our features": by_sklearn(logistic, classify.features),
}


# --- the judgement ---------------------------------------------------------------------------


def numbers(table):
    """Number of the true kind of each source."""
    return np.array([KINDS.index(name) for name in table["TRUE_CLASS"]])


def is_pulsar(table):
    """Which sources are pulsars."""
    return np.asarray(table["TRUE_CLASS"] == "PSR")


def recalls(pulsar, called):
    """Fractions of AGN and of pulsars that are classified correctly."""
    return np.array([np.mean(~called[~pulsar]), np.mean(called[pulsar])])


def balanced(true, probability, group):
    """Mean over classes of the fraction called rightly, among the sources of these classes."""
    names = list(dict.fromkeys(group.values()))
    of_kind = np.array([names.index(group[k]) if k in group else -1 for k in KINDS])
    used = of_kind[true] >= 0
    # Equal priors for classes: the mean likelihood of the kinds in one.
    likelihood = np.stack([probability[:, of_kind == i].mean(axis=1) for i in range(len(names))])
    called, wanted = likelihood.argmax(axis=0)[used], of_kind[true][used]
    return np.mean([np.mean(called[wanted == i] == i) for i in np.unique(wanted)])


def with_error(true, probability, group, spectrum):
    """Balanced accuracy and its standard error, drawing again the spectra that there are."""
    rng = np.random.default_rng(SEED)
    rows = [np.flatnonzero(spectrum == s) for s in np.unique(spectrum)]
    draws = []
    for _ in range(DRAWS):
        some = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        draws.append(balanced(true[some], probability[some], group))
    return balanced(true, probability, group), np.std(draws)


def in_bins(ts):
    """Masks of the sources in each bin of Asimov TS, and of those above 64."""
    return [(ts > low) & (ts <= high) for low, high in [*pairwise(BINS), (BRIGHT, BINS[-1])]]


def report(answers, table):
    """Print balanced accuracies by Asimov TS, for all classes and for fewer."""
    true, ts = numbers(table), np.asarray(table["TS_Asimov"])
    spectrum = np.asarray(table["LIKE"])
    names = [f"{a:g}-{b:g}" for a, b in pairwise(BINS[:-1])] + [f">{BINS[-2]:g}", f">{BRIGHT:g}"]
    for title, group in GROUPS.items():
        print(f"\n| {title}; Asimov TS | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
        used = np.isin(np.asarray(table["TRUE_CLASS"]), list(group))
        print(f"| *sources* | {' | '.join(str(np.sum(b & used)) for b in in_bins(ts))} |")
        for name, probability in answers.items():
            cells = [with_error(true[b], probability[b], group, spectrum[b]) for b in in_bins(ts)]
            print(f"| {name} | {' | '.join(f'{v:.3f} ± {e:.3f}' for v, e in cells)} |")


def report_confusion(true, probability):
    """Print fractions of each kind by what they are called."""
    matrix = confusion(true, probability)
    share = matrix / matrix.sum(axis=1, keepdims=True)
    print(f"\n| true \\ called | {' | '.join(KINDS)} | sources |\n|---|{'---|' * (len(KINDS) + 1)}")
    for name, row, number in zip(KINDS, share, matrix.sum(axis=1), strict=True):
        print(f"| {name} | {' | '.join(f'{x:.2f}' for x in row)} | {number} |")


def confusion(true, probability):
    """Numbers by true kind (rows) and likeliest kind (columns)."""
    matrix = np.zeros((len(KINDS), len(KINDS)), int)
    np.add.at(matrix, (true, probability.argmax(axis=1)), 1)
    return matrix


def reliabilities(true, probability, bins=6):
    """Fraction of a kind against its probability, by kind."""
    return {kind: metrics.reliability(probability[:, i], true == i, bins, low=0.01, high=1.1)
            for i, kind in enumerate(KINDS)}  # fmt: skip


def report_reliability(true, probability):
    """Print the same, for the probability of the kind that a source is called."""
    best = probability.max(axis=1)
    print("\n| mean probability of the class named | fraction right | sources |\n|---|---|---|")
    right = probability.argmax(axis=1) == true
    for row in metrics.reliability(best, right, 6, low=0, high=1.1):
        value, low, high = row["real"]
        print(f"| {row['mean']:.3f} | {value:.3f} (+{high - value:.3f} -{value - low:.3f}) "
              f"| {row['number']} |")  # fmt: skip


def draw(folder, panels, what):
    """Figures of confusion and reliability; `panels` are title -> (true kind, probability)."""
    figures = [style.new_figure(4.6 * len(panels), 4.4) for _ in range(2)]
    axes = [np.atleast_1d(figure.subplots(1, len(panels))) for figure in figures]
    for (title, (true, probability)), left, right in zip(panels.items(), *axes, strict=True):
        performance.plot_confusion(confusion(true, probability), KINDS, left)
        performance.plot_reliability(reliabilities(true, probability), right)
        right.set(xlabel="probability of a class", ylabel="fraction of that class")
        left.set_title(title, fontsize=9)
        right.set_title(title, fontsize=9)
    for figure, name in zip(figures, ("confusion", "reliability"), strict=True):
        style.save(figure, folder / f"{what}_{name}.png", overwrite=True)


def describe(table):
    """How many sources of which kind in how many fields."""
    counts = [f"{np.sum(numbers(table) == i)} {kind}" for i, kind in enumerate(KINDS)]
    spectra = len(np.unique(table["LIKE"]))
    return f"{', '.join(counts)} of {spectra} spectra in {len(np.unique(table['FIELD']))} fields"


def main():
    """Train, judge, print, draw, and write what shall be installed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--cnn", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    train, test = (read([options.sample / name for name in sets]) for sets in (TRAINING, HELD))
    print(machine(SEED))
    print(f"trained on {describe(train)}\ntested on {describe(test)}")
    final = fit_classifier(train, train["TRUE_CLASS"], train["LIKE"], priors(), SEED)
    if options.write:
        final.save(options.write)
    baselines = BASELINES | ({"published CNN, 7x7x5 counts": published_cnn} if options.cnn else {})
    answers = {name: baseline(train, test) for name, baseline in baselines.items()}
    answers["fermiml"] = classify.normalised(final.log_likelihoods(test))
    report(answers, test)
    true, bright = numbers(test), np.asarray(test["TS_Asimov"]) > BRIGHT
    report_confusion(true[bright], answers["fermiml"][bright])
    report_reliability(true, answers["fermiml"])
    if options.output:
        parts = {f"Asimov TS > {BRIGHT:g}": bright, f"Asimov TS 9-{BRIGHT:g}": ~bright}
        panels = {name: (true[rows], answers["fermiml"][rows]) for name, rows in parts.items()}
        draw(options.output, panels, "classes")


if __name__ == "__main__":
    main()
