"""What a network is shown of a patch of sky."""
