"""From files and objects to a SkyCube; one file per kind of input."""
