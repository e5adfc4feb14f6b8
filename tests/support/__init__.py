"""What tests share: tables and rows, projects, sessions, pages, tenants."""
