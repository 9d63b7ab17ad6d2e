"""The suite: stories, golden folders and real servers on loopback."""
