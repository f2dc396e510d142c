"""From what was seen to a cue sheet with a solved tempo map."""
