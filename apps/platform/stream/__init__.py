"""The live stream: what a tenant's stream tells, sent to those it is for while they listen."""
