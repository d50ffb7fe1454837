"""Resource classes of the client, such as subjects and images."""
