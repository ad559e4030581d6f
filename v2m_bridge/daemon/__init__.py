"""The local service: HTTP, OSC, jobs, inbox and web console."""
