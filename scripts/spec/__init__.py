"""Commands that update the project when the Swagger changes: see docs/when-the-swagger-changes.md."""
