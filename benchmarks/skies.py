"""The skies on which detection is tested: frozen test skies, selection skies, shift tests.

    python benchmarks/skies.py -o SKIES selection test ...

makes the named sets (by default all of them) in SKIES/<set>/field_0000 and so on; an interrupted
run resumes. `structured` stands for all test sets with structure that no model has, and
`structured-selection` for those of the same kind elsewhere, with which a field prior is fixed.
Thresholds and calibrations are fixed on `selection`; nothing is ever tuned on the others. Fields
are 20 deg wide, or 10 where they are structured, have 14 years of exposure, and use the longitudes
and the diffuse models of their split (fermiml/simulate/splits.py). Fields of a split overlap: each
draws its own sources and its own counts.
"""

import argparse
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from fermiml import SkySimulator
from fermiml.model import convolve
from fermiml.simulate import diffuse_models, fields, skies, sky_settings, splits

WIDTH = 20.0  # deg
# About five bins per decade, with the edges of the network bands among them.
EDGES = (500, 700, 1000, 1400, 2000, 3000, 4600, 7000, 10_000, 14_000, 20_000, 35_000, 60_000,
         110_000, 230_000, 480_000, 1_000_000)  # fmt: skip
# Latitudes of the fields' centres: each zone of the metrics has fields that are mostly in it.
ZONES = {"high": (31.0, 85.0), "middle": (14.0, 16.0), "plane": (0.0, 3.0)}
# A field at |b| = 15 deg has only half of its area at 10-20, hence their number.
TEST = {"high": 10, "middle": 32, "plane": 9}
SELECTION = {"high": 4, "middle": 10, "plane": 3}
SHIFTED = dict.fromkeys(ZONES, 4)
# The data of Panes et al. (2021): FRONT events of the cleanest class, 9.5 years.
PANES_2021 = {"years": 9.5, "irf": "P8R3_ULTRACLEANVETO_V3", "event_types": [1]}
WRONG = {"model": "gas", "hi": "HI4PI", "dust": "SFD"}  # the named wrong model
# Fields with structured gas, [l, b]: three of the plane, inner to outer, then clouds off the plane
# (Ophiuchus; Orion). The selection longitudes hold no inner plane: its
# field there has a longitude of training, but no diffuse model of training.
STRUCTURED_TEST = ([354, -1], [301, 1], [272, -1], [353, 17])
STRUCTURED_SELECTION = ([33, -1], [87, 1], [207, 0], [211, -18])
# Fields with extended sources, [l, b].
INSTANCES = [[288, 45], [349, -15], [296, 1], [275, -1]]
# Fields for the search of extended sources, [l, b], and the number of these on the whole sky; those
# without any tell what gas becomes.
EXTENDED = {
    "test": {
        "plane": ([268, 1], [283, -1], [302, 0.5], [341, -3]),
        "high": ([266, 35], [305, -40]),
    },
    "selection": {
        "plane": ([88, 1], [103, -1], [207, 0.5], [96, -3], [90, 0], [212, -1]),
        "high": ([96, 35], [207, -40]),
    },
}
EXTENDED_SOURCES = {"plane": 250, "high": 4000, "gas": 0}
IRREGULAR = {
    "plane": ([268, 1], [302, 0.5], [341, -3]),
    "high": ([266, 35], [305, -40]),
}
CLUMPS = {"diffuse": {"clumps": 3000}, "population": {"extended": 300}}
# Fields with many sources of low energies in each PSF, [l, b], 16 years from 300 MeV.
CONFUSED = [[286, -25], [355, -25], [279, -26], [297, -24]]
CONFUSED_EDGES = (300, 390, *EDGES)
STRUCTURED_EDGES = (500, 700, 1000, 1400, 2000, 3000, 4600, 7000, 20_000, 60_000, 1_000_000)
# Fields from 100 MeV, with selection skies of their own.
LOW_NUMBER = {"high": 3, "middle": 4, "plane": 3}
LOW_EDGES = (100, 178, 316, *STRUCTURED_EDGES)
OTHER = {"high": 3, "middle": 3, "plane": 2}
BLUNT = 5.0  # PSF of another instrument over the LAT's
SOFTER = 0.7  # what is added to the photon indices of soft FSRQs: about 3 then
# Level of structure (rms in %) and what stands beside it.
LEVELS = {
    "0": None,
    "5": {"rms": 0.05, "slope": 2.4},
    "10": {"rms": 0.10, "slope": 2.8},
    "20": {"rms": 0.20, "slope": 3.2},
    "10-clumps": {"rms": 0.10, "slope": 2.4, "clumps": 1500, "filaments": 300},
}


def _prepare_nominal(settings):
    return fields.prepare(settings)


def prepare_wide(settings):
    """Data whose PSF is wider than the IRF's: by 5 % below 1 GeV, 10 % above 10 GeV."""
    setup = fields.prepare(settings)
    return replace(setup, responses=tuple(_widened(r) for r in setup.responses))


def _widened(response):
    psf = response.psf
    factor = np.interp(np.log10(psf.energy), [3, 4], [1.05, 1.10])
    rows = zip(psf.energy, factor, strict=True)
    values = np.array([psf.profile(energy, psf.rad / f) / f**2 for energy, f in rows])
    return replace(response, psf=replace(psf, values=values))


def prepare_other(settings):
    """Data of a made-up instrument: the LAT's area, five times its PSF."""
    setup = fields.prepare(settings)
    return replace(setup, responses=tuple(_blunted(r) for r in setup.responses))


def _blunted(response):
    psf = response.psf
    values = np.array([psf.profile(e, psf.rad / BLUNT) / BLUNT**2 for e in psf.energy])
    return replace(response, psf=replace(psf, values=values))


def prepare_tilted(settings):
    """Data whose exposure is tilted: E^0.1 about 5 GeV, and up to 20 % with the longitude."""
    setup = fields.prepare(settings)
    return replace(setup, exposures=tuple(_tilted(e) for e in setup.exposures))


def _tilted(exposure):
    coords = exposure.geom.get_coord()
    energy = coords["energy_true"].to_value("GeV")
    lon = coords.skycoord.galactic.l.rad
    # Nine waves around the sky: one slope or two across a field of 20 deg.
    factor = (energy / 5.0) ** 0.1 * (1 + 0.2 * np.sin(9 * lon))
    return exposure.copy(data=exposure.data * factor)


def prepare_soft(settings):
    """Skies whose FSRQs are so soft that most of their photons lie below 500 MeV."""
    setup = fields.prepare(settings)
    shapes = setup.shapes["fsrq"]
    soft = replace(shapes, index=shapes.index + SOFTER)
    return replace(setup, shapes=setup.shapes | {"fsrq": soft})


@dataclass(frozen=True)
class SkySet:
    """A set of fields: its split, number of fields by zone, and what is unlike the nominal sky."""

    split: str = "test"
    number: dict = field(default_factory=lambda: SHIFTED)
    changes: dict = field(default_factory=dict)
    prepare: object = _prepare_nominal

    def configuration(self):
        """The checked configuration for `fermiml simulate`."""
        # The model of selection is the split's only one, varied anew in each field.
        settings = {
            "seed": {"selection": 500, "test": 600}[self.split],
            "sky": {"centers": centers(self.split, self.number), "width": WIDTH,
                    "projection": "ZEA"},
            "energy": {"edges": list(EDGES)},
            "observation": {"years": 14},
            "population": {"preset": "nominal"},
            "diffuse": dict(splits.split(self.split).diffuse[0]),
            "wrong": dict(WRONG),
        }  # fmt: skip
        for section, values in self.changes.items():
            both = isinstance(values, dict)
            settings[section] = {**settings[section], **values} if both else values
        return sky_settings.check(settings)


def structured(split, positions, seed):
    """The sets with structure, by level."""
    return {
        name: SkySet(split, number={}, changes={
            "seed": seed,
            "sky": {"centers": positions, "width": 10.0},
            "energy": {"edges": list(STRUCTURED_EDGES)},
            "diffuse": {"structure": structure},
        })
        for name, structure in zip(levels_of(split), LEVELS.values(), strict=True)
    }  # fmt: skip


def low(split, seed, number=LOW_NUMBER, **options):
    """A set whose energies begin at 100 MeV."""
    return SkySet(split, number=number, **options, changes={
        "seed": seed,
        "sky": {"width": 16.0},
        "energy": {"edges": list(LOW_EDGES)},
    })  # fmt: skip


def extended(split, seed):
    """The sets for the search of extended sources."""
    centers = EXTENDED[split] | {"gas": [[lon, -lat] for lon, lat in EXTENDED[split]["plane"]]}
    return {
        f"extended-{split}-{name}": with_extended(split, seed + i, centers[name], extended=sources)
        for i, (name, sources) in enumerate(EXTENDED_SOURCES.items())
    }


def irregular(seed):
    """The same for irregular ones: lopsided shells, nebulae with a tail, complexes."""
    return {
        f"irregular-{name}": with_extended(
            "test", seed + i, centers, extended=EXTENDED_SOURCES[name], irregular=1.0
        )
        for i, (name, centers) in enumerate(IRREGULAR.items())
    }


def with_extended(split, seed, centers, **population):
    """A set with extended sources, or none, on gas with structure."""
    return SkySet(split, number={}, changes={
        "seed": seed,
        "sky": {"centers": list(centers), "width": 14.0},
        "population": population,
        "diffuse": {"structure": {"rms": 0.1, "slope": 2.8}},
    })  # fmt: skip


def levels_of(split):
    """The names of the sets with structure."""
    prefix = "structured" if split == "test" else f"structured-{split}"
    return [f"{prefix}-{level}" for level in LEVELS]


SETS = {
    "selection": SkySet("selection", SELECTION),
    "test": SkySet("test", TEST),
    "empty": SkySet(changes={"population": {"preset": "none"}}),
    "month": SkySet(changes={"observation": {"years": 1 / 12}}),
    "published": SkySet(changes={"observation": PANES_2021}),
    "published-50": SkySet(
        number={"high": 20, "middle": 10, "plane": 20},
        changes={"seed": 650, "observation": PANES_2021},
    ),
    "crowded": SkySet(changes={"population": {"preset": "crowded"}}),
    "clumps": SkySet(changes=CLUMPS),
    "clumps-selection": SkySet("selection", changes=CLUMPS),
    "instances": SkySet(
        number={},
        changes={
            "seed": 640,
            "sky": {"centers": INSTANCES},
            "population": {"extended": 300},
        },
    ),
    "confused": SkySet(
        number={},
        changes={
            "seed": 660,
            "sky": {"centers": CONFUSED},
            "energy": {"edges": list(CONFUSED_EDGES)},
            "observation": {"years": 16},
        },
    ),
    "low": low("test", 680),
    "low-soft": low("test", 690, {"high": 4, "middle": 2}, prepare=prepare_soft),
    "low-selection": low("selection", 580),
    "wide_psf": SkySet(prepare=prepare_wide),
    "tilted": SkySet(prepare=prepare_tilted),
    "other": SkySet(number=OTHER, prepare=prepare_other),
    "other-selection": SkySet("selection", number=OTHER, prepare=prepare_other),
    **extended("test", 620),
    **extended("selection", 520),
    **irregular(630),
    **structured("test", STRUCTURED_TEST, 700),
    **structured("selection", STRUCTURED_SELECTION, 800),
}


def centers(split, number):
    """Galactic [l, b] of the fields of a split, zone by turns, so that any first part of them
    is balanced."""
    by_zone = [_in_zone(split, zone, count) for zone, count in number.items()]
    return [c for turn in zip_longest(*by_zone) for c in turn if c is not None]


def _in_zone(split, zone, count):
    """Centres of a zone, evenly in the sine of latitude; the same ones for any smaller count."""
    rng = np.random.default_rng([7, list(ZONES).index(zone)])
    low, high = np.sin(np.radians(ZONES[zone]))
    chosen, found = splits.split(split), []
    margin = 0.0 if zone == "high" else WIDTH / 2
    while len(found) < count:
        lat = np.degrees(np.arcsin(rng.uniform(low, high))) * (-1) ** len(found)
        lon = rng.uniform(0, 360)
        if np.all(chosen.holds(np.array([lon - margin, lon, lon + margin]))):
            found.append([round(float(lon), 2), round(float(lat), 2)])
    return found


def make(name, folder):
    """Make a set, or what is missing of it; returns the folders of its fields."""
    chosen = SETS[name]
    simulator = SkySimulator(chosen.configuration(), prepare=chosen.prepare)
    made = simulator.run(Path(folder) / name)
    if chosen.prepare is not _prepare_nominal:
        for path in made:  # whoever analyses them believes the header
            (path / "psf.fits").unlink(missing_ok=True)
            (path / "bexpmap.fits").unlink(missing_ok=True)
    return made


def make_structured(split, folder, names=None):
    """Make the sets with structure, or what is missing of them, field by field.

    All levels of a field have the same sources, and the same pattern of another strength.
    """
    settings = {name: SETS[name].configuration() for name in levels_of(split)}
    plain = settings[levels_of(split)[0]]
    setup = fields.prepare(plain)
    for number, (field_name, geom) in enumerate(fields.geometries(plain)):
        missing = [name for name in names or settings
                   if not (folder / name / field_name / "truth.fits").is_file()]  # fmt: skip
        if missing:
            seed = [plain["seed"], number]
            rng = np.random.default_rng(seed)
            made, bright = fields.simulate_field(setup, geom, rng)
            rngs = {name: np.random.default_rng([*seed, i]) for i, name in enumerate(settings)}
            rngs[levels_of(split)[0]] = rng
            for name in missing:
                level, output = replace(setup, config=settings[name]), folder / name
                with (skies.claim(level.config, output, overwrite=False),
                      skies.building(output / field_name, output) as temporary):  # fmt: skip
                    changed = _with_diffuse(made, level.config["diffuse"], seed)
                    skies.write_field(level, changed, bright, {}, geom, rngs[name], temporary)


def _with_diffuse(made, settings, seed):
    """The same fields with another Galaxy."""
    galaxy, _ = diffuse_models.galactic(settings, np.random.default_rng(seed))
    return [replace(f, galactic=convolve.expect(f.observation, galaxy.intensity)) for f in made]


def main():
    """Make sets."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    single = [name for name in SETS if not name.startswith("structured")]
    names = [*single, "structured", "structured-selection"]
    parser.add_argument("sets", nargs="*", default=names, help=", ".join(names))
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        split = {"structured": "test", "structured-selection": "selection"}.get(name)
        if split:
            make_structured(split, options.output)
        else:
            print(f"{name}: {len(make(name, options.output))} fields")


if __name__ == "__main__":
    main()
