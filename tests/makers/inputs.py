"""One small file or folder of every kind that fermiml reads, and what is read from it."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits

from fermiml import SkyCube, SourceCatalog
from fermiml.catalog import export, histories
from fermiml.catalog.facts import facts as facts_of_catalog
from fermiml.features.patch_features import N_FEATURES
from fermiml.fermipy import options as fermipy_options
from fermiml.likelihood import background
from fermiml.networks import pretrained
from fermiml.response.installed import load_response
from fermiml.simulate import sky_settings
from fermiml.sky import pointings
from fermiml.sky.read.dispatch import read_timed_events
from fermiml.sky.read.intervals import read_with_times
from fermiml.sky.sphere import vectors_of
from fermiml.train import recipe
from fermiml.train.training_patches import TrainingSet
from fermiml.yamlfile import read_settings, read_yaml
from makers import calibration, catalogs, orbit, trainingfields
from makers import latfiles as lat

SKY = "seed: 2\nsky: {centers: [[30, 58]], width: 6}\nenergy: {min: 1000, max: 1e6}\n"
RECIPE = {
    "network": "heatmap",
    "architecture": {"widths": [4, 8], "encoder": [1, 1], "decoder": [1]},
    "turns": 1,
    "training": {"fields": ["fields"], "epochs": 2},
    "selection": {"fields": ["fields"]},
}
FERMIPY = {
    "selection": {"evclass": 128, "evtype": 16, "emin": 500},
    "gtlike": {"irfs": "P8R3_SOURCE_V3"},
    "fileio": {"outdir": "."},
    "components": [{"selection": {"evtype": 16}}],
    "ml_seed": {"threshold": 0.5},
}
_CENTER = lat.CENTER.galactic.l.deg[None], lat.CENTER.galactic.b.deg[None]


@dataclass(frozen=True)
class Input:
    """A file, how `fermiml` reads it (to numbers and texts that JSON knows), and its nature."""

    path: Path
    read: object
    is_text: bool = False


def make(folder, sums=False):
    """Make an input of every kind in a folder, with DATASUM and CHECKSUM if `sums`."""
    made = {}
    for maker in (_cubes, _times, _responses, _diffuse, _tables, _settings, _networks, _fermipy):
        made |= maker(folder)
    for given in made.values() if sums else ():
        if given.path.suffix == ".fits":
            with fits.open(given.path, memmap=False) as hdus:
                hdus.writeto(given.path, overwrite=True, checksum=True)
    return made


def _cubes(folder):
    cube, hpx, events, ours = (
        folder / f"{name}.fits" for name in ("cube", "hpx", "events", "gammapy")
    )
    lat.write_ccube(cube)
    lat.write_hpx(hpx, 8)
    lat.write_ft1(events)
    SkyCube.read(cube).components[0].counts.write(ours)
    exposure = folder / "around.fits"
    lat.write_bexpmap(exposure, allsky=False)
    listed = folder / "events.txt"
    listed.write_text("# event files\nevents.fits\n")
    return {
        "cube": Input(cube, lambda: facts(SkyCube.read(cube))),
        "cube.gz": Input(zipped := lat.zipped(cube), lambda: facts(SkyCube.read(zipped))),
        "HEALPix": Input(hpx, lambda: facts(SkyCube.read(hpx))),
        "gammapy map": Input(ours, lambda: facts(SkyCube.read(ours, exposure=exposure))),
        "events": Input(events, lambda: facts(SkyCube.read(events))),
        "event list": Input(listed, lambda: facts(SkyCube.read(f"@{listed}")), True),
    }


def _times(folder):
    """What `lightcurve` and `transients` read: events and cubes with times, pointings, edges."""
    events, pointed, edges = folder / "timed.fits", folder / "pointed.fits", folder / "edges.txt"
    lat.write_ft1(events)
    orbit.write_ft2(pointed, orbit.pointings(1160, step=2e4))
    edges.write_text("# edges of intervals\n54683.5, 55500\n2011-06-01\n339000000\n")
    good, early, late = (folder / f"{name}.fits" for name in ("goodevents", "early", "late"))
    lat.write_ft1(good)
    lat.write_ccube(early)
    lat.write_ccube(late)
    with fits.open(late, mode="update") as hdus:
        hdus["GTI"] = lat.gti_hdu(3.5e8)
    gti = np.array([[2.4e8, 3.38e8]])
    return {
        "events in time": Input(events, lambda: _timed_facts(read_with_times(events, 3))),
        "photons": Input(events, lambda: _photon_facts(read_timed_events(events))),
        "spacecraft file": Input(pointed, lambda: _livetimes(pointed, gti)),
        "interval list": Input(
            edges, lambda: _timed_facts(read_with_times(good, str(edges))), True
        ),
        "cube of an interval": Input(late, lambda: _timed_facts(read_with_times([early, late]))),
    }


def _timed_facts(cube):
    held = [part.times for part in cube.components]
    counts = [np.bincount(t.interval, t.counts, len(t.bins)) for t in held]
    return facts(cube) + _rounded([*np.ravel(counts), *held[0].bins.edges,
                                   *held[0].bins.good_time])  # fmt: skip


def _photon_facts(events):
    columns = (events.lon, events.lat, events.energy, events.time)
    return _rounded([len(events), *(column.sum() for column in columns), *events.gti.ravel()])


def _livetimes(path, gti):
    exposure = pointings.pointed_exposure(path, gti, (0, 90))(np.linspace(2.4e8, 3.38e8, 4))
    vectors = vectors_of(lat.CENTER.icrs[None])
    return _rounded(exposure.pointings.livetimes(vectors[0], exposure.edges, 90.0).sum(axis=1))


def _responses(folder):
    good, exposure, psf = (folder / f"{name}.fits" for name in ("good", "exposure", "psf"))
    lat.write_ccube(good)
    lat.write_bexpmap(exposure, allsky=False)
    lat.write_gtpsf(psf)
    made = {
        "exposure": Input(exposure, lambda: facts(SkyCube.read(good, exposure=exposure))),
        "PSF": Input(psf, lambda: facts(SkyCube.read(good, psf=psf))),
    }
    caldb = folder / "caldb"
    for kind, path in calibration.write(caldb).items():
        made[f"IRF {kind}"] = Input(path, lambda: _irf_facts(caldb))
    return made


def _irf_facts(caldb):
    os.environ["CALDB"] = str(caldb)
    found = load_response(calibration.NAME, 1)
    return _rounded([*found.aeff.sum(axis=1), *found.edisp.sum(axis=1),
                     *found.psf.containment_radius(found.energy, 0.68)])  # fmt: skip


def _diffuse(folder):
    cube, galaxy, iso = folder / "plain.fits", folder / "galaxy.fits", folder / "iso.txt"
    lat.write_ccube(cube)
    lat.write_bexpmap(galaxy, 1e-9)
    with fits.open(galaxy, mode="update") as hdus:
        hdus[0].header["BUNIT"] = "photon/cm2/s/MeV/sr"
    np.savetxt(iso, np.column_stack([lat.EDGES, 1e-6 * lat.EDGES**-2.0]))
    data = SkyCube.read(cube)

    def intensities(**files):
        background._galactic.cache_clear()
        chosen = background.choose(data, **files)
        if "iso" in files:
            term = background.diffuse.isotropic_file(chosen.iso)
        else:
            term = background._galactic(chosen.galdiff)
        return _rounded(np.ravel(term.intensity(*_CENTER, [1e3, 1e4, 1e5])))

    return {
        "galdiff": Input(galaxy, lambda: intensities(galdiff=str(galaxy))),
        "iso": Input(iso, lambda: intensities(iso=str(iso)), True),
    }


def _tables(folder):
    made = {}
    for name in ("ml.fits", "ml.csv", "ml.vot"):
        path = folder / name
        if path.suffix == ".fits":
            catalogs.sample().write(path)
        else:
            export.export(catalogs.sample(), "csv" if path.suffix == ".csv" else "votable", path)
        paths = [path] if path.suffix == ".fits" else [path, lat.zipped(path)]
        for file in paths:
            is_text = file.suffix in (".csv", ".vot")
            made[file.name] = Input(file, lambda file=file: _table_facts(file), is_text)
    curves, varying = folder / "curves.fits", catalogs.sample()
    histories.make_room(varying.table, 2.4e8 + 1e7 * np.arange(6))
    varying.table["Flux_History"][:] = 1e-9
    varying.write(curves)
    made["light curves"] = Input(curves, lambda: _table_facts(curves))
    return made


def _table_facts(path):
    """The table as it is printed, and what `fermiml info` says about it."""
    catalog = SourceCatalog.read(path)
    said = facts_of_catalog(catalog, path)
    said["made by"].pop("date")  # the day of the test
    return [repr(catalog.table.pformat(-1, -1)), json.dumps(said)]


def _settings(folder):
    sky, train = folder / "sky.yaml", folder / "train.yaml"
    sky.write_text(SKY)
    train.write_text(yaml.safe_dump(RECIPE))
    field = folder / "field_00000.npz"
    trainingfields.write_field(field)
    return {
        "training field": Input(field, lambda: _field_facts(folder)),
        "settings": Input(sky, lambda: [repr(read_settings(sky, "", sky_settings.check))], True),
        "recipe": Input(train, lambda: [repr(recipe.read(train))], True),
    }


def _field_facts(folder):
    features, patch = TrainingSet(folder, size=32).example(0)
    return _rounded([*features.sum(axis=(1, 2)), patch.counts.sum(), patch.ts.sum()])


def _networks(folder):
    """A network as it is, and one whose hashes fit whatever is in it: anyone can make those."""
    made = {}
    for name in ("network", "resealed"):
        home = folder / name
        write_network(home)
        for file in ("model.yaml", "weights.npz"):
            read = _network_facts if name == "network" else _resealed_facts
            made[f"{name} {file}"] = Input(
                home / file, lambda read=read, home=home: read(home), file == "model.yaml"
            )
    return made


def write_network(folder):
    """A folder with a tiny network that was never trained."""
    from fermiml import networks

    folder.mkdir()
    chosen = recipe.check(RECIPE)
    model = networks.get_architecture("heatmap").build(**RECIPE["architecture"])
    pretrained.save(model, chosen, folder)


def _network_facts(folder):
    """The answer and all that results depend on; a folder of fermiml 0.1 has no second hash."""
    network = pretrained.load(str(folder))
    features = np.random.default_rng(1).normal(size=(1, 32, 32, N_FEATURES))
    answer = b"".join(values.tobytes() for values in network.maps(features).values())
    card = {key: value for key, value in network.card.items() if key != "description_sha256"}
    return [hashlib.sha256(answer).hexdigest(), repr(card)]


def _resealed_facts(folder):
    """Read a network after hashes were made to fit, where there is something that can have them."""
    description = folder / "model.yaml"
    before = description.read_bytes()
    try:
        content = read_yaml(description)
        if isinstance(content, dict):
            content.pop("description_sha256", None)
            digest = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
            description.write_text(yaml.safe_dump(content | {"sha256": digest}))
        return _network_facts(folder)
    finally:
        description.write_bytes(before)


def _fermipy(folder):
    home = folder / "fermipy"
    home.mkdir()
    lat.write_ccube(home / "ccube_00.fits", listed=lat.cuts(evtype=16))
    lat.write_gtpsf(home / "psf_00.fits")
    lat.write_bexpmap(home / "bexpmap_00.fits", allsky=False)
    lat.write_drm(home / "drm_00.fits")
    config = home / "config.yaml"
    config.write_text(yaml.safe_dump(FERMIPY))

    def read():
        content = read_yaml(config)
        if isinstance(content, dict):
            fermipy_options.check_section(content.get("ml_seed", {}))
        return facts(SkyCube.read(home))

    return {f"fermipy {path.name}": Input(path, read, path is config)
            for path in [*sorted(home.glob("*.fits")), config]}  # fmt: skip


def facts(cube):
    """Counts, energies, centre and response of a cube."""
    numbers = []
    for component in cube.components:
        exposure, psf, edisp = component.exposure, component.psf, component.edisp
        center = component.center.icrs
        numbers += [
            *component.counts.data.reshape(len(component.counts.data), -1).sum(axis=1, dtype=float),
            *component.energy_edges, center.ra.deg, center.dec.deg,
            component.mask.sum(), float(np.sum(exposure.data, dtype=float)),
            *psf.containment_radius(component.energy_edges[:-1], 0.68),
            *(edisp.matrix.sum(axis=1) if edisp is not None else ()),
        ]  # fmt: skip
    return _rounded(numbers)


def _rounded(numbers):
    return [float(f"{number:.7g}") for number in numbers]
