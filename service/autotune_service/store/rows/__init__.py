"""The SQL of each kind of row: reading, adding and changing them."""
