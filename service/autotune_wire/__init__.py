"""The contract between the AutoTune service and its clients.

Pydantic models of every request, reply and event, and the paths they travel on. Both sides import it; it imports
nothing of ours and does no I/O.
"""
