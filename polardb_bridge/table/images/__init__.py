"""Images as people really store them: base64 in many wrappings, and files in all states of health."""
