"""What the LAT saw: counts and their selection, cut into the patches that networks look at."""
