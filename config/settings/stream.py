"""The live stream: how many may listen to one process, and how often it looks by itself."""

from config.settings.base import env

# Streams that one process holds open, and how many of them one person may have.
STREAM_LIMIT = env.int("STREAM_LIMIT", 5_000)
STREAM_LIMIT_PER_PERSON = env.int("STREAM_LIMIT_PER_PERSON", 10)
# Threads that let people in and read what they missed; each keeps at most a connection per database.
STREAM_THREADS = env.int("STREAM_THREADS", 4)
# How late an event can be while Valkey does not answer.
STREAM_POLL_SECONDS = env.float("STREAM_POLL_SECONDS", 2.0)
# How often memberships, profiles and accounts are read anew, beside what the stream itself tells.
STREAM_RECHECK_SECONDS = env.float("STREAM_RECHECK_SECONDS", 30.0)
# Shorter than what proxies wait for a silent server.
STREAM_HEARTBEAT_SECONDS = env.float("STREAM_HEARTBEAT_SECONDS", 15.0)
# Events that wait for a slow reader; one more, and it is sent away to come back for them.
STREAM_QUEUE = env.int("STREAM_QUEUE", 500)
if STREAM_QUEUE < 1:
    raise ValueError(f"QUINTET_STREAM_QUEUE is {STREAM_QUEUE}; one event at least has to wait.")
