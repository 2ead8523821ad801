"""An OTLP collector: it takes spans over HTTP and writes each as a line of JSON."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT"}


def main() -> None:
    """`collector FILE`: listens on a free port, which it prints."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )

    file = Path(sys.argv[1])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            lines = [
                json.dumps(describe(span)) + "\n"
                for group in asked.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            ]
            with file.open("a") as spans:
                spans.write("".join(lines))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"collecting on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def describe(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "kind": KINDS[span.kind],
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "links": [[link.trace_id.hex(), link.span_id.hex()] for link in span.links],
        "attributes": {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
        "failed": span.status.code == 2,
        "began": span.start_time_unix_nano,
        "ended": span.end_time_unix_nano,
    }
