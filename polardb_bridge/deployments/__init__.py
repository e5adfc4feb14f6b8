"""Deployments: deploying and dropping, who gets in and what tenants see of one another; and plain provisioning."""
