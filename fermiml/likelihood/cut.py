"""The data that a fit needs from a component, cut out of a SkyCube."""

import dataclasses

import numpy as np

from fermiml.errors import InputError
from fermiml.likelihood.region import Cut
from fermiml.model.observation import Observation
from fermiml.response.irfs import TRUE_PER_DECADE


def check(cube):
    """Refuse a cube that cannot be fitted."""
    for component in cube.components:
        for what in ("psf", "exposure"):
            if getattr(component, what) is None:
                raise InputError(
                    f"{cube.source}, component {component.name}: no {what} is known, and the "
                    f"fit needs it; give one with --{what}"
                )


def observe(component):
    """Convert the component to an observation, with its energy dispersion if that is fine enough.

    The PSF and the spectrum change within a true bin, so a dispersion with coarse ones gives
    way to the one of the IRF.
    """
    given = component.edisp
    fine = np.max(np.log10(given.true_edges[1:] / given.true_edges[:-1])) < 1.1 / TRUE_PER_DECADE
    observation = Observation.like(component, dispersion=not fine)
    if not fine:
        return observation
    return dataclasses.replace(observation, true_edges=given.true_edges, dispersion=given.matrix)


def cut_for_fit(component, background):
    """Return counts, background planes and observation of a component that was cut out."""
    observation = observe(component)
    bins = len(component.energy_edges) - 1
    return Cut(
        observation,
        component.counts.data.reshape(bins, -1),
        background.planes(component, observation),
        component.mask.ravel(),
    )
