"""Point spread functions as radial tables: energy (MeV) x separation (deg), in sr^-1."""

from dataclasses import dataclass

import numpy as np

from fermiml.response.interpolate import rows_at

# Radii of every table that fermiml makes. Logarithmic, because the PSF narrows a
# hundredfold from 100 MeV to 100 GeV; 60 deg holds 99.5 % of the events at 100 MeV.
RAD = np.concatenate([[0.0], np.geomspace(1e-3, 60.0, 127)])
_TINY = 1e-30


@dataclass(frozen=True)
class PSF:
    """A radially symmetric PSF; `values` has the shape (energy, rad)."""

    energy: np.ndarray
    rad: np.ndarray
    values: np.ndarray

    def at(self, energy):
        """Profiles at `energy` (MeV), interpolated in log-log; shape (energy, rad)."""
        logs = np.log(np.maximum(self.values, _TINY))
        return np.exp(rows_at(np.log(self.energy), logs, np.log(np.atleast_1d(energy))))

    def profile(self, energy, rad):
        """Values at one `energy` and any `rad` (deg)."""
        return _interpolate_profile(self.rad, self.at(energy)[0], rad)

    def mean(self, energy, weight):
        """Compute the weighted mean profile over energies, as a PSF with one energy."""
        weight = np.asarray(weight, float) / np.sum(weight)
        center = np.exp(np.sum(weight * np.log(energy)))
        return PSF(np.array([center]), self.rad, (weight @ self.at(energy))[None])

    def containment_radius(self, energy, fraction):
        """Radius (deg) that holds `fraction` of the table's integral, per energy."""
        fine = np.unique(np.concatenate([self.rad, np.geomspace(1e-3, self.rad[-1], 1500)]))
        fine = fine[fine <= self.rad[-1]]
        radii = []
        for profile in self.at(energy):
            cumulative = _cumulative(fine, _interpolate_profile(self.rad, profile, fine))
            radii.append(np.interp(fraction * cumulative[-1], cumulative, fine))
        return np.array(radii)

    def normalized(self):
        """Return the same shape with an integral of one at every energy."""
        return PSF(self.energy, self.rad, self.values / self.norm()[:, None])

    def norm(self):
        """Integral over the sphere at every energy."""
        return np.array([_cumulative(self.rad, profile)[-1] for profile in self.values])

    def smeared(self, shifts):
        """Compute the PSF after every photon was moved by one of the distances `shifts` (deg), in
        any direction; all of them are equally likely."""
        azimuth = (np.arange(120) + 0.5) * np.pi / 120  # the other half is the same
        out = np.zeros_like(self.values)
        for shift in shifts:
            moved = np.sqrt(
                self.rad[:, None] ** 2 + shift**2 + 2 * shift * self.rad[:, None] * np.cos(azimuth)
            )
            for row, profile in zip(out, self.values, strict=True):
                row += _interpolate_profile(self.rad, profile, moved).mean(axis=1)
        lost = self.norm() / PSF(self.energy, self.rad, out).norm()  # between the nodes
        return PSF(self.energy, self.rad, out * lost[:, None])

    def to_gammapy(self, axis):
        """Convert to a gammapy PSFMap, at the energies of an axis `energy_true`.

        For a MapDataset that must be its own: gammapy makes as many kernels as the PSFMap has
        energies, counted from the dataset's first, and knows no PSF beyond them. The profiles
        between the table's nodes lack up to 1 % of the integral, which gammapy would look for out
        to the last radius.
        """
        from astropy import units as u
        from gammapy.irf import PSFMap
        from gammapy.maps import Map, MapAxis, WcsGeom

        rad = MapAxis.from_nodes(self.rad, unit="deg", name="rad")
        geom = WcsGeom.create(npix=(2, 1), proj="CAR", binsz=180, axes=[rad, axis])
        psf_map = Map.from_geom(geom, unit="sr-1")
        energy = axis.center.to_value("MeV")
        values = PSF(energy, self.rad, self.at(energy)).normalized().values
        psf_map.quantity = np.broadcast_to(values[:, :, None, None], geom.data_shape) / u.sr
        return PSFMap(psf_map)

    @classmethod
    def from_gammapy(cls, psf_map, position):
        """Extract the profile of a gammapy PSFMap at one position of the sky."""
        geom = psf_map.psf_map.geom
        rad_axis, energy_axis = geom.axes["rad"], geom.axes[psf_map.energy_name]
        rad = rad_axis.center.to_value("deg")
        energy = energy_axis.center
        values = psf_map.psf_map.interp_by_coord(
            {
                "skycoord": position,
                "rad": rad_axis.center[None, :],
                psf_map.energy_name: energy[:, None],
            }
        )
        return cls(energy.to_value("MeV"), rad, values * psf_map.psf_map.unit.to("sr-1"))


def _interpolate_profile(rad, profile, wanted):
    """Log-linear between the nodes, zero beyond the last one."""
    logs = np.interp(wanted, rad, np.log(np.maximum(profile, _TINY)))
    return np.where(wanted > rad[-1], 0.0, np.exp(logs))


def _cumulative(rad, profile):
    """Integral over the sphere out to each radius."""
    theta = np.radians(rad)
    ring = 2 * np.pi * np.sin(theta) * profile
    steps = 0.5 * (ring[1:] + ring[:-1]) * np.diff(theta)
    return np.concatenate([[0.0], np.cumsum(steps)])
