"""What the time of photons tells: light curves and variability."""
