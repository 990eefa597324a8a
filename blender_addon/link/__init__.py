"""What happens on the thread that talks to the backend."""
