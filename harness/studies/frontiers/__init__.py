"""What the rules of truncation are worth at equal diversity."""
