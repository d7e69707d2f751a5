//! The API answers as its description says.

use serde_json::Value;

use crate::support::{Running, now_ns, of_service, request, shop_trace, span};

#[test]
fn every_path_answers_as_described() {
    let server = Running::start(|_| {});
    server.send(shop_trace(now_ns()));
    server.send(request(vec![of_service("shop", vec![span(2, 1, 0, "GET /cart", now_ns(), 0, 7)])]));
    let description = server.json("/api/v1/openapi.json");
    let mut checked = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let get = &methods["get"];
        if get.is_null() {
            continue;
        }
        let parameters = get["parameters"].as_array().unwrap();
        let content = &get["responses"]["200"]["content"];
        let Some(schema) = content["application/json"].get("schema") else { continue };
        let response = server.get(&url(path, parameters), &[]);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        check(&response.json(), schema, &description, path);
        checked += 1;
        // What is wrong is refused, as described, if there is anything that can be.
        if let Some(schema) = get["responses"]["400"]["content"]["application/json"].get("schema") {
            let wrong = if path.contains('{') {
                path.replace("{id}", "zzz")
            } else {
                format!("{path}?lookback=x&a=x&b=x")
            };
            let response = server.get(&wrong, &[]);
            assert_eq!(response.status, 400, "{wrong}");
            check(&response.json(), schema, &description, path);
        }
    }
    assert!(checked >= 7, "{checked}");
}

/// The path with the examples of its parameters.
fn url(path: &str, parameters: &[Value]) -> String {
    let mut url = path.to_owned();
    let mut separator = '?';
    for parameter in parameters {
        let Some(example) = parameter.get("example") else { continue };
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "path" {
            url = url.replace(&format!("{{{name}}}"), &example);
        } else {
            url.push(separator);
            url.extend([name, "=", &example.replace('>', "%3E")]);
            separator = '&';
        }
    }
    url
}

/// Panics unless a value is what a schema says; what the schema does not name must not be there.
fn check(value: &Value, schema: &Value, description: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema =
            description.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} is not there"));
        return check(value, schema, description, at);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return,
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: the type {other} is unknown"),
    };
    assert!(types.iter().any(is), "{at}: {value} is none of {types:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value} is none of {allowed:?}");
    }
    if let Some(items) = value.as_array() {
        for item in items {
            check(item, &schema["items"], description, &format!("{at}[]"));
        }
    }
    if let Some(map) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(map.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
        }
        for (name, value) in map {
            let below = format!("{at}.{name}");
            let schema = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            assert_ne!(*schema, Value::Bool(false), "{below} is not described");
            check(value, schema, description, &below);
        }
    }
}
