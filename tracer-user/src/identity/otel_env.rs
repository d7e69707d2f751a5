//! What a process's environment says of it for OpenTelemetry.

use percent_encoding::percent_decode;

use super::process::text;

/// The variables that name a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtelEnv {
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded, in its order.
    pub resource_attributes: Vec<(String, String)>,
}

/// Most attributes that are taken from one process.
const MAX_ATTRIBUTES: usize = 128;
/// Longest value that is kept, in bytes.
const MAX_VALUE_BYTES: usize = 1024;

impl OtelEnv {
    /// Reads a block of NUL-separated `NAME=value` strings. As in a shell, the first of two equal names counts.
    pub fn from_block(block: &[u8]) -> Self {
        let value = |name: &str| {
            let mut entries = block.split(|&byte| byte == 0);
            let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
            Some(value).filter(|value| !value.is_empty())
        };
        Self {
            service_name: value("OTEL_SERVICE_NAME")
                .map(|value| bounded(text(value)))
                .filter(|name| !name.trim().is_empty()),
            resource_attributes: value("OTEL_RESOURCE_ATTRIBUTES").and_then(attributes).unwrap_or_default(),
        }
    }

    /// An attribute of `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.resource_attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// `key=value,key=value` with percent-encoded values. The OpenTelemetry specification ("Specifying resource
/// information via an environment variable") wants all of it discarded where any of it is malformed.
fn attributes(value: &[u8]) -> Option<Vec<(String, String)>> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for pair in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let key = String::from_utf8(percent_decode(key).collect()).ok().filter(|key| !key.is_empty())?;
        let value = bounded(String::from_utf8(percent_decode(value).collect()).ok()?);
        if let Some(at) = attributes.iter().position(|(name, _)| *name == key) {
            attributes[at].1 = value;
        } else if attributes.len() < MAX_ATTRIBUTES {
            attributes.push((bounded(key), value));
        }
    }
    Some(attributes)
}

/// Cuts text to the longest that is kept, between characters.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_VALUE_BYTES));
    text
}
