"""Settings, databases, urls and servers."""
