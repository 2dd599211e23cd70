"""What another package can add to fermiml: one file for each part."""
