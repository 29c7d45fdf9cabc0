"""Who is calling: the customer's record, found on arrival, kept by hand, given out and removed whole."""
