"""What the paper does not have, a module each, of the same form as the figures."""
