"""Commands that update the project after a change of the Swagger (docs/when-the-swagger-changes.md)."""
