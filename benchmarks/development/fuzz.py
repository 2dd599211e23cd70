"""Coverage-guided fuzzing of what reads untrusted files, with atheris.

    pip install atheris
    python benchmarks/development/fuzz.py settings --seconds 300 --corpus CORPUS

Inputs are changed so that they reach ever more of the code. Whatever is read or refused with one
InputError is fine; any other exception, more than 60 s or 4 GB stop the run, and the input is kept
in CORPUS/<target>/crash-*. Add it to tests/makers/corpus.py. A corpus is used again by later runs.
"""

import argparse
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

LONGEST, MOST = 60, 4096  # s on a machine that may be busy, MB
EDGES = np.array([500.0, 2000.0, 7000.0, 50000.0])
SMALL = {"shape": (6, 8), "edges": EDGES}


def with_atheris():
    """Import atheris, which is no dependency."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("this script needs atheris: pip install atheris") from None
    return atheris


def readers():
    """How each kind of input is read: the name that its file has, and the function."""
    from fermiml import SkyCube, SourceCatalog
    from fermiml.fermipy import options
    from fermiml.networks import description
    from fermiml.simulate import sky_settings
    from fermiml.sky.read import fermipy_folder
    from fermiml.train import recipe
    from fermiml.yamlfile import read_yaml

    return {
        "settings": ("a.yaml", sky_settings.read),
        "recipe": ("a.yaml", recipe.read),
        "model": ("model.yaml", lambda path: description.read(path.parent)),
        "fermipy": ("a.yaml", lambda path: _read_fermipy(read_yaml(path), options, fermipy_folder)),
        "csv": ("a.csv", SourceCatalog.read),
        "votable": ("a.vot", SourceCatalog.read),
        "catalog": ("a.fits", SourceCatalog.read),
        "cube": ("a.fits", SkyCube.read),
        "events": ("a.fits", SkyCube.read),
        "psf": ("a.fits", _read_psf(SkyCube)),
    }


def _read_fermipy(content, options, fermipy_folder):
    if fermipy_folder.is_config(content):
        options.check_section(content.get("ml_seed", {}))


def _read_psf(cubes):
    from makers import latfiles

    cube = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "fermiml-fuzz.fits"
    cube.unlink(missing_ok=True)
    latfiles.write_ccube(cube, **SMALL)
    return lambda path: cubes.read(cube, psf=path)


def write_seeds(target, folder):
    """Write a good input of a kind, from which the search begins."""
    from makers import catalogs, inputs, latfiles

    from fermiml.catalog import export

    path = folder / "seed"
    if target in ("csv", "votable"):
        export.export(catalogs.sample()[:2], target, path, overwrite=True)
    elif target in ("cube", "events", "psf", "catalog"):
        path.unlink(missing_ok=True)
        {
            "cube": lambda: latfiles.write_ccube(path, **SMALL),
            "events": lambda: latfiles.write_ft1(path, latfiles.random_events(60)),
            "psf": lambda: latfiles.write_gtpsf(path, nodes=EDGES),
            "catalog": lambda: (
                catalogs.sample()[:2].write(path.with_suffix(".fits"), True)
                or path.with_suffix(".fits").rename(path)
            ),
        }[target]()
    else:
        model = {"network": "heatmap", "architecture": {}, "turns": 1, "sha256": "0" * 64}
        given = {"recipe": inputs.RECIPE, "model": model, "fermipy": inputs.FERMIPY}
        path.write_text(yaml.safe_dump(given[target]) if target in given else inputs.SKY)


def reader(read, path):
    """A function that reads bytes as a file, and raises what should not happen."""
    from fermiml import InputError

    def once(data):
        path.write_bytes(data)
        try:
            read(path)
        except InputError as error:
            if "\n" in str(error):
                raise AssertionError("an error of several lines") from error

    return once


def main():
    """Fuzz one kind of input for some time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path("fuzz-corpus"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("fermiml").setLevel(logging.CRITICAL)
    atheris = with_atheris()
    folder, work = (given.corpus / f"{given.target}{end}" for end in ("", "-work"))
    folder.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    with atheris.instrument_imports(include=["fermiml"]):  # so that the lines reached are seen
        known = readers()
        if given.target not in known:
            raise SystemExit(f"target {given.target!r}: one of {', '.join(known)}")
        name, read = known[given.target]
        once = reader(read, work / name)
        write_seeds(given.target, folder)
        once((folder / "seed").read_bytes())  # imports what is imported late

    limits = [f"-max_total_time={given.seconds}", f"-timeout={LONGEST}", f"-rss_limit_mb={MOST}",
              f"-artifact_prefix={folder}/", f"-seed={given.seed}", "-max_len=400000"]  # fmt: skip
    atheris.Setup([sys.argv[0], *limits, str(folder)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
