"""The contract between the AutoTune service and its clients.

Pydantic models of every request, reply and event, and the URL paths. The service and the client both import this
package. The package imports nothing of ours and does no I/O.
"""
