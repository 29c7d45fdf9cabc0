"""Text telephones for tests: an independent modem, and lines that do to its tones what telephone lines do."""
