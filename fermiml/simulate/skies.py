"""Simulate fields of sky into folders of LAT files."""

import uuid
import warnings
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from gammapy.maps import WcsGeom

from fermiml import __version__, checkpoint, tasks
from fermiml.catalog.spectral_models import to_xml
from fermiml.errors import InputError
from fermiml.executors import open_executor
from fermiml.files import PREFIX, is_folder, move, remove_own, scratch, writing
from fermiml.model.sources import concatenate
from fermiml.simulate import (
    blazar_noise,
    event_list,
    lat_files,
    mask_file,
    outbursts,
    spacecraft,
    truth,
)
from fermiml.simulate import fields as sky_fields

_LAST = "truth.fits"  # written last: a folder that has it is complete
_MAPS = ("counts", "events", "background", "background_wrong", "bexpmap", "psf", "masks")
_FILES = (*(f"{name}{end}.fits" for name in _MAPS for end in ("", "_[0-9][0-9]")), _LAST,
          "spacecraft.fits", "sources.xml", "SIM_extended_*.fits", "field.yaml")  # fmt: skip
_FIELDS = ("field_[0-9][0-9][0-9][0-9]*", "sky_[0-9][0-9][0-9]")  # folders of several fields
_TRAINING = "field_[0-9][0-9][0-9][0-9][0-9].npz"
_SIGNATURE = "# made by fermiml simulate"  # first line of a simulation's config.yaml


def simulate(config, output, overwrite=False, prepare=sky_fields.prepare):
    """Simulate sky fields; deprecated: use `fermiml.SkySimulator(config).run(output)`."""
    warnings.warn("simulate() is fermiml.SkySimulator now", DeprecationWarning, stacklevel=2)
    return write_skies(config, output, overwrite, prepare)


def write_skies(config, output, overwrite, prepare, jobs=1):
    """Simulate the fields of a checked configuration into folders below `output`, a single one
    into `output` itself; see `fermiml.SkySimulator`."""
    with claim(config, output, overwrite) as output:
        named = sky_fields.geometries(config)
        folders = [output if len(named) == 1 else output / name for name, _ in named]
        missing = [i for i, folder in enumerate(folders) if not (folder / _LAST).is_file()]
        shared = Preparation.of(prepare, config)
        waiting = (FieldTask(shared, named[i][1], i, folders[i], output) for i in missing)
        run_all(simulate_task, waiting, len(missing), jobs)
        return folders


def run_all(function, waiting, count, jobs):
    """Run the tasks of fields, which write what they make."""
    with open_executor(jobs, most=count) as executor:
        results = tasks.run(function, waiting, executor, count=count, what="field")
    tasks.require_all(results, "field")


@dataclass(frozen=True)
class Preparation:
    """What all fields of a run share, before it is read: much smaller than the `Setup` itself."""

    prepare: Callable
    config: str  # YAML
    run: str  # another one reads its files again

    @classmethod
    def of(cls, prepare, config):
        """Begin a run."""
        return cls(prepare, yaml.safe_dump(config), uuid.uuid4().hex)


@lru_cache(maxsize=1)
def prepared(shared):
    """Make the `Setup` of a run, once in each process."""
    return shared.prepare(yaml.safe_load(shared.config))


@dataclass(frozen=True)
class FieldTask:
    """All that a process needs to simulate a field."""

    shared: Preparation
    geom: object
    number: int
    folder: Path
    output: Path


def simulate_task(task):
    """Simulate a field into its folder."""
    setup = prepared(task.shared)
    rng = np.random.default_rng([setup.config["seed"], task.number])
    own = rng.spawn(1)[0]  # for what changes with time, so that all else stays as it was
    with building(task.folder, task.output) as temporary:
        bursts, courses = outbursts.draw(setup.config["population"], task.geom, setup.gti, own)
        fields, bright = sky_fields.simulate_field(setup, task.geom, rng)
        profiles = dict(enumerate(courses, start=len(bright)))
        if setup.config["population"]["variability"] == "nominal":
            profiles |= blazar_noise.draw_profiles(bright, setup.gti, own)
        fields = [sky_fields.with_sources(field, bursts) for field in fields]
        bright = concatenate([bright, bursts])
        write_field(setup, fields, bright, profiles, task.geom, rng, temporary)


def claim(config, output, overwrite):
    """Hold the folder for this very simulation, the beginning of which may be there."""
    return checkpoint.claim(
        output,
        f"{_SIGNATURE} {__version__}\n" + yaml.safe_dump(config, sort_keys=False),
        record="config.yaml",
        replace=_give_up if overwrite else None,
        remedy="--overwrite to replace a simulation that is there",
    )


def _give_up(output, found):
    """Remove another simulation, if it is one, and nothing but its files."""
    if not found.startswith(_SIGNATURE):
        raise InputError(f"{output}: does not contain a simulation and will not be replaced")
    for folder in (path for pattern in _FIELDS for path in output.glob(pattern)):
        if is_folder(folder):
            remove_own(folder, _FILES)
            with suppress(OSError):  # what is not of the simulation stays
                folder.rmdir()
    remove_own(output, (*_FILES, _TRAINING))


@contextmanager
def building(folder, output):
    """Yield a temporary folder, whose files go to `folder` only when the block has succeeded."""
    with writing(folder), scratch(output, folder.name, _FILES) as temporary:
        yield temporary
        folder.mkdir(exist_ok=True)
        made = [path for path in temporary.iterdir() if not path.name.startswith(PREFIX)]
        for path in sorted(made, key=lambda path: path.name == _LAST):
            move(path, folder / path.name)


def write_field(setup, fields, bright, profiles, geom, rng, folder):
    """Draw the counts of a field, and write all of its files.

    `profiles` are the time profiles of sources by number; the others are steady.
    """
    watches = _watches(setup, fields, folder)
    drawn = [event_list.draw_counts(f, bright, profiles, rng, watch)
             for f, watch in zip(fields, watches, strict=True)]  # fmt: skip
    counts = [d.counts for d in drawn]
    wrong, name = sky_fields.wrong_background(setup, fields, counts, rng)
    several = len(fields) > 1
    for i, (f, observed, other) in enumerate(zip(fields, counts, wrong, strict=True)):
        end = f"_{i:02d}.fits" if several else ".fits"
        lat_files.counts(folder / f"counts{end}", observed, geom, f.selection)
        lat_files.counts(folder / f"background{end}", f.background, geom, f.selection)
        lat_files.counts(folder / f"background_wrong{end}", other, geom, f.selection)
        _write_response(f, folder, end)
        if setup.config["observation"]["events"]:
            _write_events(folder / f"events{end}", f, drawn[i], profiles, rng, watches[i])
    catalog, rows = sky_fields.true_rows(fields, bright)
    catalog.write(folder / _LAST)
    truth.append_times(folder / _LAST, catalog.table, [profiles.get(row) for row in rows])
    mask_file.write(folder / mask_file.NAME, fields, bright, rows, catalog.table)
    modelled = np.asarray(catalog.table["TS_Asimov"] > truth.MODELLED)
    known = catalog.filter(modelled)
    images = truth.write_images(folder, known.table, bright[np.array(rows, int)[modelled]])
    library = to_xml(known.table, known.extended, images)
    (folder / "sources.xml").write_text(library, encoding="utf-8")
    record = {"config": setup.config, "wrong model": name, "fermiml": __version__}
    (folder / "field.yaml").write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")


def _watches(setup, fields, folder):
    """Write the spacecraft file, and make the `Watch` of each component; None without one."""
    if not setup.config["observation"]["spacecraft"]:
        return [None] * len(fields)
    pointings = spacecraft.survey(setup.gti)
    lat_files.spacecraft(folder / "spacecraft.fits", pointings, fields[0].selection)
    return [spacecraft.Watch.of(pointings, field) for field in fields]


def _write_events(path, field, drawn, profiles, rng, watch):
    """Write the photons that make up the counts.

    A circle is named only for HEALPix disks: around the square of an image, it would hold empty
    sky.
    """
    photons = event_list.photons(
        drawn, field.observation, field.selection.gti, profiles, rng, watch
    )
    pixels = field.observation.pixels
    selection = replace(field.selection, circles=(pixels.center,) if pixels.geom.is_hpx else ())
    lat_files.events(path, photons, field.observation.edges, selection, rng)


def _write_response(field, folder, end):
    """Write bexpmap: all sky at the edges of the bins; psf: at the centre of the field."""
    observation, selection = field.observation, field.selection
    nodes = observation.edges
    geom = WcsGeom.create(binsz=2, proj="CAR", frame="galactic", width=(360, 180))
    position = geom.get_coord().skycoord
    values = observation.exposure(np.ravel(position.l.deg), np.ravel(position.b.deg), nodes)
    lat_files.exposure(
        folder / f"bexpmap{end}", values.reshape(-1, *geom.data_shape), nodes, geom, selection
    )
    psf = observation.psf
    keep = (psf.energy >= 0.5 * nodes[0]) & (psf.energy <= 2 * nodes[-1])
    table = type(psf)(psf.energy[keep], psf.rad, psf.values[keep])
    center = observation.pixels.center[0]
    here = observation.exposure(center.l.deg[None], center.b.deg[None], table.energy)
    lat_files.psf(folder / f"psf{end}", table, here[:, 0])
