"""The instrument response: effective area, PSF, energy dispersion, exposure."""
