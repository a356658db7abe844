"""Whether scores rank strategies alike."""
