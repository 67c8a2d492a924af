"""Upload the cases of a YAML manifest to Grand Challenge, each exactly once."""

__version__ = "0.1.0"
