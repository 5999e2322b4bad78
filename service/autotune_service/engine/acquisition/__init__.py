"""The acquisition functions: the next suggestion maximises one of them."""
