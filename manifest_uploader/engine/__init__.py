"""Acting on a plan: looking first, sending, recovering, and waiting for imports."""
