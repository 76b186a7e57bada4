"""Heliograph: secure real-time messaging for stock Socket.IO clients."""

__version__ = "0.1.0"
