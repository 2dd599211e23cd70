"""What the instrument does: effective area, PSF, energy dispersion, exposure."""
