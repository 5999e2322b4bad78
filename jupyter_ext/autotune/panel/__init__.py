"""The live panel: its state, its picture, and the events and redraws that keep it up to date."""
