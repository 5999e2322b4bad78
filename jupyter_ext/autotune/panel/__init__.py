"""The live panel: its state, its picture and what keeps it moving."""
