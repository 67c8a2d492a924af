"""What the user wrote: the YAML text, read and judged by its schema, as a frozen `Manifest`."""
