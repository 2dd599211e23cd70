"""From a cube to candidates, and from candidates to a catalog."""
