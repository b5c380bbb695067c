"""What is measured: ratios within one run, printed as one table by `make bench`."""
