"""Write-back: annotation events mark tasks as dirty in an outbox, and delivery writes their current state into rows."""
