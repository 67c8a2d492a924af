"""Pure decisions: from manifest, facts and history to the steps of a run."""
