"""What a maintainer does when the service's Swagger changes: see docs/when-the-swagger-changes.md."""
