"""propagating_client.py URL TRACE PARENT: one request for each propagator of OpenTelemetry that writes trace context, to
URL/NAME, carrying the given ids as that propagator writes them.
"""

import sys

import requests
from opentelemetry import trace
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATORS = {
    "traceparent": TraceContextTextMapPropagator(),
    "single": B3SingleFormat(),
    "multi": B3MultiFormat(),
    "jaeger": JaegerPropagator(),
    "xray": AwsXRayPropagator(),
}

url, trace_id, parent_id = sys.argv[1:]
span = trace.SpanContext(int(trace_id, 16), int(parent_id, 16), False, trace.TraceFlags(trace.TraceFlags.SAMPLED))
context = trace.set_span_in_context(trace.NonRecordingSpan(span))
with requests.Session() as session:
    for name, propagator in PROPAGATORS.items():
        headers = {}
        propagator.inject(headers, context=context)
        session.get(f"{url}/{name}", headers=headers, timeout=30).raise_for_status()
