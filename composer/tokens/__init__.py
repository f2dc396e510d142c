"""Music to ids and back."""
