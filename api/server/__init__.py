"""The worker of gunicorn that serves the API: a thread is occupied only by requests that are complete."""
