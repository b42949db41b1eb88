"""What can be set, from where, and what it came to: options (the one table) → load → settings (frozen).

Nothing below this room reads a flag, a variable or the configuration file.
"""
