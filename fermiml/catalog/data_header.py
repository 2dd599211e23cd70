"""The keywords of a catalog that say which data it was made from."""

from fermiml.catalog.fitsio import add_history
from fermiml.sky.describe import response_lines


def header_of(cube, step):
    """Make the keywords of what was found in a cube; `step` names the work in the history."""
    header = energies_of(cube)
    add_history(header, step, response_lines(cube))
    selection = cube.components[0].selection
    if selection.time is not None:
        header["TSTART"], header["TSTOP"] = selection.time
    if selection.irf_name:
        header["RSPFUNC"] = selection.irf_name
    if cube.simulated:
        header["SIMULATE"] = True
    return header


def energies_of(cube):
    """Make the keywords of the energy range, which say to where fluxes are measured."""
    return dict(zip(("EMIN", "EMAX"), cube.energy_range, strict=True))
