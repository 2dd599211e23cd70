"""Measure what becomes of extended sources: rows before and after the search for objects.

    fermiml simulate plane.yaml -o SKIES/plane          # with population: {extended: ...}
    python benchmarks/detection/extended_sources.py SKIES/plane SKIES/high --cache CACHE
    python benchmarks/detection/extended_sources.py SKIES/... --cache CACHE --calibrate

The first prints, for all fields of the folders: what extended sources of Asimov TS > 100 end as;
the purity of the rows around them; the pulls of radii; how many isolated point sources became
extended; objects where no extended source is; and CPU times. `--calibrate` fits the probability of
objects, data/extended.yaml: fields without extended sources (`extended: 0`) belong to it.
"""

import argparse
import resource
import sys
from dataclasses import replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from fermiml import SourceCatalog, SourceDetector
from fermiml.detect.finder import load_finder
from fermiml.evaluate import metrics
from fermiml.extended.find_extended import find_extended
from fermiml.extended.galaxy_beneath import GalaxyBeneath
from fermiml.extended.object_probability import COLUMNS, ObjectCalibration, features_of
from fermiml.photometry.measure import measure
from fermiml.simulate.read_fields import fields_of, read_sky

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

BRIGHT = 100.0  # Asimov TS of the extended sources that are counted
SEEN = 25.0  # ML_TS of rows that are counted
SIZES = (0.03, 0.2, 0.5, 1.0, 3.5)  # deg
ALONE = 1.0  # deg from any other true source of TS > 9: an isolated point source
AROUND = 0.5  # deg beyond its border: around an extended source
SEED = 1
LENIENT = 3.0  # of the logit, that objects for a calibration get beforehand


def cpu():
    """CPU time of this process (s)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def table_of(folder, finder, cache, extended):
    """All candidates of a field without or with the search, with the CPU time in the meta."""
    path = cache / f"{folder.parent.name}_{folder.name}_{'new' if extended else 'old'}.ecsv"
    if not path.is_file():
        cube = read_sky(folder, background="none").cube
        detector, start = SourceDetector(finder, extended=extended, jobs=1), cpu()
        table = detector.propose(cube)
        table.meta = {"cpu": cpu() - start}
        table.write(path)
    return Table.read(path)


def forms_of(table):
    """The form of each row; ECSV masks what is blank."""
    return np.ma.filled(table["ML_Ext_Form"], "")


def position_of(table):
    """Positions of rows."""
    return SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")


class Field:
    """The truth of a field, and its rows before and after."""

    def __init__(self, folder, finder, cache):
        truth = SourceCatalog.read(folder / "truth.fits")
        known = truth.table["TS_Asimov"] > metrics.MATCHABLE
        truth = truth.filter(known & truth.table["Inside"])
        self.place, self.size = truth.positions, truth.extensions()
        self.ts = np.asarray(truth.table["TS_Asimov"], float)
        self.forms = form_names(truth)
        self.threshold = float(finder.operating["photometry"]["threshold"])
        self._table = partial(table_of, folder, finder, cache)

    @cached_property
    def before(self):
        """Candidates without the search."""
        return self._table(extended=False)

    @cached_property
    def after(self):
        """Candidates with the search."""
        return self._table(extended=True)

    @cached_property
    def objects(self):
        """The extended rows."""
        return self.after[forms_of(self.after) != ""]

    @cached_property
    def points(self):
        """The other rows."""
        return self.after[forms_of(self.after) == ""]

    def object_at(self, number):
        """The extended row that a true extended source became; None where there is none."""
        away = position_of(self.objects).separation(self.place[number]).deg
        near = np.flatnonzero(away < max(metrics.RADIUS, 0.5 * self.size[number]))
        return self.objects[near[np.argmin(away[near])]] if len(near) else None

    def rows_within(self, table, number):
        """Significant rows within a true extended source that are at no true point source."""
        place, size = self.place[number], self.size[number]
        within = position_of(table).separation(place).deg < size
        rows = table[within & (np.asarray(table["ML_TS"]) > SEEN)]
        return rows[~self.is_point(rows)]

    def is_point(self, rows):
        """Which rows are at a true point source."""
        points = self.place[self.size == 0]
        if not len(rows) or not len(points):
            return np.zeros(len(rows), bool)
        return position_of(rows).match_to_catalog_sky(points)[1].deg < metrics.RADIUS

    def is_real(self, rows):
        """Which rows are at a true source, extended ones at their centre."""
        if not len(rows):
            return np.zeros(0, bool)
        return position_of(rows).match_to_catalog_sky(self.place)[1].deg < metrics.RADIUS

    def has_truth(self, row):
        """Whether an extended row has its centre in a true extended source."""
        center = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame="fk5")
        away = self.place.separation(center).deg
        return bool(np.any((self.size > 0) & (away < np.maximum(self.size, metrics.RADIUS))))


def form_names(truth):
    """Model_Form of the rows of a truth table, blank for points."""
    extended = truth.extended if truth.extended is not None else []
    forms = {str(row["Source_Name"]).strip(): str(row["Model_Form"]).strip() for row in extended}
    return np.array([forms.get(str(n).strip(), "") for n in truth.table["Extended_Source_Name"]])


def show_objects(fields):
    """What true extended sources end as, by size."""
    print("\n| true extended source, Asimov TS > 100 | number | significant rows within, before |"
          " as one extended row | rows left beside it |\n|---|---|---|---|---|")  # fmt: skip
    for low, high in pairwise(SIZES):
        found = [
            (len(field.rows_within(field.before, i)), field.object_at(i) is not None,
             len(field.rows_within(field.points, i)))
            for field in fields
            for i in np.flatnonzero(
                (field.ts > BRIGHT) & (field.size > low) & (field.size <= high)
            )
        ]  # fmt: skip
        before, one, left = np.mean(found, axis=0) if found else (np.nan, np.nan, np.nan)
        print(f"| {low:g}-{high:g} deg | {len(found)} | {before:.1f} | {one:.2f} | {left:.1f} |")


def show_purity(fields):
    """Rows around extended sources, and all of the catalog, before and after."""
    print("\n| rows | before: number, at a true source | after |\n|---|---|---|")
    for title, chosen in (
        (f"ML_TS > {SEEN:g}, within or {AROUND:g} deg around", _around),
        ("of these, at the default threshold", lambda f, t: _around(f, t) & _believed(f, t)),
        ("all at the default threshold", _believed),
    ):
        cells = []
        for when in ("before", "after"):
            tables = [(f, getattr(f, when)) for f in fields]
            real = np.concatenate([f.is_real(t[chosen(f, t)]) for f, t in tables])
            cells.append(f"{len(real)}, {real.mean():.3f}" if len(real) else "0")
        print(f"| {title} | {' | '.join(cells)} |")


def _around(field, table):
    near, place = np.zeros(len(table), bool), position_of(table)
    for i in np.flatnonzero((field.size > 0) & (field.ts > BRIGHT)):
        near |= place.separation(field.place[i]).deg < field.size[i] + AROUND
    return near & (np.asarray(table["ML_TS"]) > SEEN)


def _believed(field, table):
    return np.asarray(table["ML_Prob"]) >= field.threshold


def show_radii(fields):
    """Pulls of radii for TS_ext > 36 and radii above 0.2 deg, where the form is the right one."""
    pulls, others = [], []
    for field in fields:
        for i in np.flatnonzero((field.size > 0.2) & (field.ts > BRIGHT)):
            row = field.object_at(i)
            if row is not None and row["ML_TS_Ext"] > 36 and row["ML_Ext_Size"] > 0.2:
                pull = (row["ML_Ext_Size"] - field.size[i]) / row["Unc_ML_Ext_Size"]
                ratio = row["ML_Ext_Size"] / field.size[i]
                (pulls if row["ML_Ext_Form"] == field.forms[i] else others).append((pull, ratio))
    for title, found in (("right form", pulls), ("another form", others)):
        if found:
            pull, ratio = np.array(found).T
            within = [np.mean(np.abs(pull) < sigma) for sigma in (1, 2)]
            print(f"\nradii, {title}: {len(pull)}; pull: median {np.median(pull):+.2f}, "
                  f"within 1 and 2 sigma {within[0]:.2f}, {within[1]:.2f}; over the true radius: "
                  f"{np.min(ratio):.2f}, {np.median(ratio):.2f}, {np.max(ratio):.2f}")  # fmt: skip


def show_false(fields):
    """Isolated point sources that became extended, and objects without an extended source."""
    alone, lost = 0, 0
    for field in fields:
        for i in np.flatnonzero((field.size == 0) & (field.ts > SEEN)):
            away = field.place[i].separation(field.place).deg - field.size
            if np.partition(away, 1)[1] > ALONE:
                near = position_of(field.objects).separation(field.place[i]).deg < metrics.RADIUS
                alone, lost = alone + 1, lost + near.any()
    print(f"\nisolated point sources of Asimov TS > {SEEN:g}: {alone}, extended: {lost}")
    wrong = [(row, f) for f in fields for row in f.objects if not f.has_truth(row)]
    believed = sum(row["ML_Prob"] >= field.threshold for row, field in wrong)
    print(f"objects: {sum(len(f.objects) for f in fields)}; without an extended source: "
          f"{len(wrong)}, of these at the default threshold: {believed}")  # fmt: skip


def every_object(folder, field, cache):
    """All objects of a field, also those that are rather gas; not what is gas beyond doubt."""
    path = cache / f"{folder.parent.name}_{folder.name}_all.ecsv"
    if not path.is_file():
        cube, before = read_sky(folder, background="none").cube, field.before
        table = measure(cube, position_of(before), jobs=1)
        unknown = np.full(len(table), np.nan)
        present = ObjectCalibration.load()
        lenient = replace(present, intercept=present.intercept + LENIENT)
        found, _ = find_extended(cube, table, before["ML_Score"], unknown, lenient)
        found.meta = {}
        chosen = found["RAJ2000", "DEJ2000", "ML_Ext_Size", *COLUMNS]  # no arrays: it may be empty
        chosen[forms_of(found) != ""].write(path)
    return Table.read(path)


def calibrate(folders, fields, cache):
    """Fit the probability of objects, and write it beside the other calibrations."""
    found = [every_object(*both, cache) for both in zip(folders, fields, strict=True)]
    cubes = [read_sky(folder, background="none").cube for folder in folders]
    columns = np.concatenate(
        [features_of(t, GalaxyBeneath.of(c)) for t, c in zip(found, cubes, strict=True) if len(t)]
    )
    true = np.array(
        [f.has_truth(row) for f, table in zip(fields, found, strict=True) for row in table]
    )
    fit = LogisticRegression(C=10.0).fit(columns, true)
    calibration = ObjectCalibration(float(fit.intercept_[0]), *map(float, fit.coef_[0]))
    path = Path(__file__).parents[2] / "data" / "extended.yaml"
    calibration.save(path, f"{true.sum()} extended sources and {np.sum(~true)} pieces of gas in "
                           f"{len(fields)} fields of the selection split:\n"
                           "benchmarks/detection/extended_sources.py --calibrate")  # fmt: skip
    left_out = cross_val_predict(LogisticRegression(C=10.0), columns, true, cv=LeaveOneOut())
    print(f"{path.name}: {calibration}; each left out in turn: {np.sum(left_out == true)} of "
          f"{len(true)} on the right side")  # fmt: skip


def main():
    """Measure all fields, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("skies", type=Path, nargs="+")
    parser.add_argument("--model", default="lat-best")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    finder = load_finder(options.model)
    folders = [folder for sky in options.skies for folder in fields_of(sky)]
    fields = [Field(folder, finder, options.cache) for folder in folders]
    if options.calibrate:
        calibrate(folders, fields, options.cache)
        return
    print(machine(SEED), f"\n{len(fields)} fields")
    show_objects(fields)
    show_purity(fields)
    show_radii(fields)
    show_false(fields)
    for sky in options.skies:
        own = [f for f, folder in zip(fields, folders, strict=True) if folder.parent == sky]
        old, new = (np.mean([getattr(f, w).meta["cpu"] for f in own]) for w in ("before", "after"))
        print(f"{sky.name}: CPU time of detection in a field {old:.1f} s before, {new:.1f} s after")


if __name__ == "__main__":
    main()
