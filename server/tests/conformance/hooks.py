"""How schemathesis asks this gateway."""

import itertools
import re

import schemathesis

# A part of an image is bytes, as any other file is.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """A request with the key of another one would be answered unread: each gets a key of its own."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key is not None and re.fullmatch("[!-~]{1,100}", str(key)):
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
