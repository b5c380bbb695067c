"""What commerce does: writes, one module for each thing it does them to."""
