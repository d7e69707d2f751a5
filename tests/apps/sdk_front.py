"""sdk_front.py PORT BACKEND grpc|http: a WSGI application that calls a second service for every request, instrumented by
OpenTelemetry's SDK, which exports to where the OTEL_* variables say.
"""

import sys

import flask
import requests
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

port, backend, protocol = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

app = flask.Flask(__name__)
FlaskInstrumentor().instrument_app(app)
RequestsInstrumentor().instrument()


@app.get("/<path:path>")
def forward(path):
    answer = requests.get(f"{backend}/{path}", timeout=30)
    return answer.content, answer.status_code


app.run("127.0.0.1", int(port), threaded=True)
