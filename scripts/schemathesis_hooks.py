"""How schemathesis sends bodies of formats that it does not know: as the texts that it has generated."""

import schemathesis

schemathesis.serializer.alias(["application/x-ndjson", "application/x-protobuf"], "text/plain")
