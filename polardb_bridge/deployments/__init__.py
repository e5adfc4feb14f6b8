"""Deployments: statements, what they make, who gets in and what tenants see of one another; and plain provisioning."""
