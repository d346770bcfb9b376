"""What developers run: the demo, and real servers to try things on."""
