"""What `experiment=temperature_limits` is made of."""
