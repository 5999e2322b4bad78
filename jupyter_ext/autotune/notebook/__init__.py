"""``%autotune``: the magics and the session behind them."""
