"""What keeps tenants apart in one Label Studio: an organization each, and no door that leads around it."""
