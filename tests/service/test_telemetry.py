"""OpenTelemetry, which FastAPI brings along: spans reach a collector when the environment names one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.servers import REPO, SilentHandler, http_server, running_service

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """Spans, as they come; services that are started from now on send theirs."""
    spans: list[Span] = []

    class Collector(SilentHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            if self.path == "/v1/traces":
                traces = ExportTraceServiceRequest.FromString(content).resource_spans
                spans.extend(span for trace in traces for scope in trace.scope_spans for span in scope.spans)

    with http_server(Collector) as url:
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        yield spans


def test_request_is_a_span_of_the_callers_trace(collector: list[Span], tmp_path: Path, seven: bytes) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        url, caller = f"{service.url}/v1/predict/image", f"00-{TRACE}-{PARENT}-01"
        headers = {"Content-Type": "image/png", "traceparent": caller}
        assert httpx.post(url, content=seven, headers=headers).status_code == 200
    names = [span.name for span in collector if span.trace_id.hex() == TRACE and span.parent_span_id.hex() == PARENT]
    assert names == ["POST /v1/predict/image"]
