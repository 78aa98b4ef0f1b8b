"""A durable workflow engine whose only server is PostgreSQL."""

__version__ = "0.1.0"
