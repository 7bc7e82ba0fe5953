"""Pictures and windows of what a core shows."""
