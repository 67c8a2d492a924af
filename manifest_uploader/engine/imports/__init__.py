"""Finds out how the platform's imports ended.

For the rest of the engine:

- `watcher`: `Watcher`
"""
