"""Small runs that take a while and can be resumed: what each does in a folder, and its result."""

import json
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from fermiml import LightCurve, SourceCatalog, checkpoint, files
from fermiml.likelihood.likelihood_fit import LikelihoodFit
from fermiml.likelihood.parts import held
from fermiml.simulate import fields, skies, training_fields
from fermiml.simulate.sky_settings import check
from fermiml.time import curve_regions
from fermiml.time import transients as search
from makers import flaringskies, killed, timedskies, trainingfields
from makers import smallskies as sky


@dataclass(frozen=True)
class Run:
    """`work(folder)` does it, `content(folder)` is what must be the same however it was done."""

    work: object
    content: object
    operations: int  # on files, about so many when it is not killed
    record: str = ""  # in the folder once it belongs to the run; before, it must be empty


def pieces():
    """Three pieces, each a file, then the whole result."""

    def work(folder):
        def write(path, value):
            files.write_text(path, json.dumps(value), overwrite=True)

        with checkpoint.Pieces.held(folder / "out.parts", write, files.read_json) as kept:
            values = []
            for number in range(3):
                key = checkpoint.content_key(number)
                if kept.load(key) is None:
                    kept.save(key, number**2)
                values.append(kept.load(key))
            files.write_json(folder / "out.json", values, overwrite=True)
            kept.forget()

    return Run(work, killed.all_bytes, 30)


def simulation():
    """Two small fields."""
    settings = check({"seed": 2, "sky": {"centers": [[30, 58], [33, 58]], "width": 2},
                      "energy": {"min": 10000, "max": 1e5}})  # fmt: skip
    setup = fields.prepare(settings)

    def content(folder):
        return {path.parent.name: killed.digest(fits.getdata(path, 0)) for path in
                sorted(folder.rglob("counts.fits"))} | {"truths": len(sorted(
                    folder.rglob("truth.fits")))}  # fmt: skip

    return Run(lambda folder: skies.write_skies(settings, folder, False, lambda _: setup),
               content, 40, "config.yaml")  # fmt: skip


def stored_fields():
    """Three training fields."""
    settings = check({"seed": 2, "sky": {"split": "train", "fields": 3},
                      "energy": {"min": 500, "max": 1e6}, "training": {"models": 1}})  # fmt: skip
    setup = fields.prepare(settings)

    def content(folder):
        found = {}
        for path in sorted(folder.glob("field_*.npz")):
            with np.load(path) as stored:
                found[path.name] = killed.digest(stored["sources"])
        return found

    return Run(lambda folder: training_fields.store(settings, folder, False, lambda _: setup),
               content, 15, "config.yaml")  # fmt: skip


def fit():
    """The likelihood of two sources, region by region."""
    sources = sky.four()
    seeds, data = sky.seeds(sources[[0, 1]], shapes=True), sky.cube(sources, 1)

    def work(folder):
        with held(folder / "ml.parts") as kept:
            engine = {"positions": False, "spectra": False, "bands": False}
            result = LikelihoodFit(parts=kept, **engine).run(seeds, data)
            result.write(folder / "ml.fits", overwrite=True)
            kept.forget()

    def content(folder):
        table = SourceCatalog.read(folder / "ml.fits").table
        return [f"{ts:.5g}" for ts in table["TS"]], sorted(p.name for p in folder.glob("ml*"))

    return Run(work, content, 25)


def light_curves():
    """Fluxes of two sources in four intervals, region by region."""
    sources = sky.four()[[0, 1]]
    seeds, data = sky.seeds(sources, shapes=True), timedskies.cube(sources, np.ones((2, 4)), 1)

    def work(folder):
        with curve_regions.held(folder / "lc.parts") as kept:
            LightCurve(parts=kept).run(seeds, data).catalog.write(folder / "lc.fits", True)
            kept.forget()

    def content(folder):
        fluxes = SourceCatalog.read(folder / "lc.fits").table["Flux_History"]
        return killed.digest(fluxes), sorted(p.name for p in folder.glob("lc*"))

    return Run(work, content, 28)


def transients():
    """A search for a flare, some rows of the field at a time."""
    data = flaringskies.sky(6, sky.power_laws(100.7, 45.6, 5e-8))

    def work(folder):
        with search.held(folder / "tr.parts") as kept:
            finder = search.TransientSearch(shortest="8d", longest="8d", parts=kept)
            finder.run(data).catalog.write(folder / "tr.fits", overwrite=True)
            kept.forget()

    def content(folder):
        table = SourceCatalog.read(folder / "tr.fits").table
        return len(table), float(table["ML_TS"][0]), sorted(p.name for p in folder.glob("tr*"))

    return Run(work, content, 68)


def training(folder):
    """Two epochs of a tiny network, with fields in a folder."""
    trainingfields.write_fields(folder)

    def work(output):
        from fermiml import Trainer  # TensorFlow has threads: it must not be there before a fork

        Trainer(trainingfields.make_recipe(folder, "heatmap")).run(output / "net")

    def content(folder):
        with np.load(folder / "net" / "weights.npz") as stored:
            weights = {name: killed.digest(stored[name]) for name in stored.files}
        curve = (folder / "net" / "curve.csv").read_text().splitlines()
        return weights, [line.split(",")[:2] for line in curve]

    return Run(work, content, 30)
