"""Small runs that take a while and can be resumed: what each does in a folder, and its result."""

import contextlib
import io
import json
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from fermiml import SourceCatalog, checkpoint, files
from fermiml.cli.main import main
from fermiml.likelihood.likelihood_fit import LikelihoodFit
from fermiml.likelihood.parts import held
from fermiml.simulate import fields, skies, training_fields
from fermiml.simulate.sky_settings import check
from makers import flaringskies, killed, trainingfields
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


def lightcurve(folder):
    """`fermiml lightcurve`: two sources, in three intervals."""
    events, catalog = folder / "events.fits", folder / "catalog.fits"
    flaringskies.write(events, 3)
    sky.seeds(sky.power_laws([99.5, 101.0], [44.5, 45.5], [1e-9, 1e-9]), shapes=True).write(catalog)
    return _command("lightcurve", "lc", catalog, events, "--time-bins", 3,
                    column="Flux_History", operations=40)  # fmt: skip


def transients(folder):
    """`fermiml transients`: a flare in a small field."""
    events = folder / "events.fits"
    flaringskies.write(events, 3, sky.power_laws(100.7, 45.6, 4e-8))
    return _command("transients", "found", events, "--shortest", "16d", "--longest", "16d",
                    "--catalog", "none", column="ML_TS", operations=100)  # fmt: skip


def _command(command, name, *arguments, column, operations):
    """A command that writes a catalog `name`.fits and what stands beside it."""
    given = ["--quiet", command, *map(str, arguments), "--overwrite", "-o"]

    def work(folder):
        with contextlib.redirect_stdout(io.StringIO()):
            main([*given, str(folder / f"{name}.fits")], standalone_mode=False)

    def content(folder):
        values = np.asarray(SourceCatalog.read(folder / f"{name}.fits").table[column])
        return killed.digest(values), sorted(path.name for path in folder.glob(f"{name}*"))

    return Run(work, content, operations)


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
