"""Reading a video once and measuring what is seen in it."""
