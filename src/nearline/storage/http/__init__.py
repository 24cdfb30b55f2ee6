"""Objects read by plain HTTP GETs: http(s) URLs, signed URLs, and all that is unsigned.

`answer` and `refusal` say what a server's words mean (pure), `connections` and
`body` carry bytes, `source` joins them, `unsigned` knows how the public
objects of S3, Google Cloud Storage and Azure are addressed.
"""

from nearline.storage.http.source import Addressing, HttpSource
from nearline.storage.http.unsigned import unsigned_azure, unsigned_gcs, unsigned_s3

__all__ = ["Addressing", "HttpSource", "unsigned_azure", "unsigned_gcs", "unsigned_s3"]
