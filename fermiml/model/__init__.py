"""The forward model: sources, diffuse emission, and the counts expected of them."""
