"""The people, groups and stories that fill the demo tenants. `content` is the door."""
