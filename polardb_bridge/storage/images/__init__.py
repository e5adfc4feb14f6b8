"""Images by link: the url that a task holds, and the view that reads the image from its row."""
