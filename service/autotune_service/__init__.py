"""The AutoTune service: experiments in Postgres, suggestions computed as results land, pushed over a websocket."""
