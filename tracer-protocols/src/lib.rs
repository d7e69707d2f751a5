#![doc = "Pure parsers."]
