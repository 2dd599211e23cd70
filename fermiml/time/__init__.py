"""What changes with time: light curves, transients, the Sun and the Moon."""
