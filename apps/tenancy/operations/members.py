"""Placeholder until identity lands."""


def appoint_first_owner(**k):
    pass
