"""The network input for a patch of sky."""
