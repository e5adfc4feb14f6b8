"""What is known of the work in a deployment, in numbers. All of it is in Label Studio's own database."""
