"""`python -m tests.deploy`: draws the files of `deploy` that others give."""

from tests.deploy.lock import IMAGE_LOCK, drawn

IMAGE_LOCK.write_text(drawn())
print(f"wrote {IMAGE_LOCK}")
