"""A likelihood for sources: fits, traditional detection, and the comparison of both."""
