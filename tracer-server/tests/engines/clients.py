"""Sends a trace of two spans by an exporter of OpenTelemetry's SDK. Arguments: which one, and where to."""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

WHICH, WHERE = sys.argv[1:3]


def exporter():
    if WHICH == "otlp-grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=WHERE, insecure=True)
    if WHICH == "otlp-http":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=WHERE, compression=Compression.Gzip)
    if WHICH == "zipkin":
        from opentelemetry.exporter.zipkin.json import ZipkinExporter

        return ZipkinExporter(endpoint=WHERE)
    raise SystemExit(f"There is no exporter {WHICH}.")


provider = TracerProvider(resource=Resource({"service.name": WHICH, "deployment": "test"}))
provider.add_span_processor(BatchSpanProcessor(exporter()))
tracer = provider.get_tracer("clients", "1.0")
elsewhere = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))
attributes = {"text": "grün", "whole": 7, "fraction": 0.5, "truth": True}
with tracer.start_as_current_span(
    "parent", kind=SpanKind.SERVER, attributes=attributes, links=[Link(elsewhere, {"why": "x"})]
) as parent:
    parent.add_event("seen", {"what": "y"})
    with tracer.start_as_current_span("child", kind=SpanKind.CLIENT) as child:
        child.set_status(Status(StatusCode.ERROR, "it broke"))
provider.shutdown()
print(trace.format_trace_id(parent.get_span_context().trace_id), end="")
