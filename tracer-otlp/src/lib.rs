#![doc = "OTLP delivery."]
