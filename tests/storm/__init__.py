"""Storms: many clients at once, while parts of the house are killed. `make storm` runs them."""
