"""What the homework's two experiments are made of (harness.studies.homework10, harness.studies.homework10_bugs)."""
