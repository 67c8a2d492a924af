"""What a run left behind, as a page for the eye and a table for the computer."""
