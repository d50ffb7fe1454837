"""Reading and checking of photos before an upload."""
