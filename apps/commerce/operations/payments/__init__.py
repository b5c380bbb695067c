"""Payments: asked for, settled, refunded, and what providers tell of them.

`settling`, `sweeping` and what stands on them import purchases, which import `creating`: they are imported
by their own names.
"""
