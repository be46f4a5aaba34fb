"""brim."""
