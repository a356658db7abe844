"""What the course notebooks show, a small idea per file."""
