"""The AutoTune service: keeps experiments in Postgres, computes suggestions as observations land, and pushes them."""
