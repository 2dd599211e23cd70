"""What the LAT saw: counts, their selection, and the instrument response."""
