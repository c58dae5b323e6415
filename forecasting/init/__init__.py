"""A first config from the data alone."""
