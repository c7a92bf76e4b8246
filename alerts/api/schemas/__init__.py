"""The shapes of bodies and answers, as /docs shows them."""
