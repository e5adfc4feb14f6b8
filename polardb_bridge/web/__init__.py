"""What all pages of ours share: the reader's language, and how scripts and styles are served."""
