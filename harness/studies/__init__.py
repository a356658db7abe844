"""Studies: what an experiment asks beyond its sweep, and answers in answers.md. One file per experiment."""
