"""Pictures of what FrameScore saw and wrote, with matplotlib: for print, and for readers who see fewer colours."""
