"""Waiting for imports: `watcher` polls the platform, `judge` decides what it showed."""
