//! Parameters: the request that the web server received, by the names of CGI (RFC 3875, section 4.1).

use crate::http1::{Headers, Method, RequestHead, Version, seen_fields};

/// The parameters of a request, as far as they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a> {
    bytes: &'a [u8],
    whole: bool,
}

impl<'a> Params<'a> {
    pub(super) fn new(bytes: &'a [u8], whole: bool) -> Self {
        Self { bytes, whole }
    }

    /// Names and values in the order sent; one that was cut is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (name, behind) = length(rest)?;
            let (value, behind) = length(behind)?;
            let (name, behind) = behind.split_at_checked(name)?;
            let (value, behind) = behind.split_at_checked(value)?;
            rest = behind;
            Some((name, value))
        })
    }
}

/// A length: one byte, or four with the highest bit set (specification, section 3.4).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [a, b, c, d, rest @ ..] => Some((u32::from_be_bytes([a & 0x7f, *b, *c, *d]) as usize, rest)),
        _ => None,
    }
}

/// What parameters say, in the form that HTTP/1 has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    target: String,
    /// Header lines.
    block: Vec<u8>,
    /// The web server was asked over TLS.
    pub https: bool,
    whole: bool,
}

impl Request {
    /// Reads parameters.
    pub fn new(params: &Params<'_>) -> Self {
        let mut request = Self {
            method: String::new(),
            target: String::new(),
            block: Vec::with_capacity(params.bytes.len()),
            https: false,
            whole: params.whole,
        };
        let [mut script, mut query, mut host, mut server, mut port] = [&[][..]; 5];
        for (name, value) in params.iter() {
            match name {
                b"REQUEST_METHOD" => request.method = text(value),
                b"REQUEST_URI" => request.target = text(value),
                b"SCRIPT_NAME" => script = value,
                b"QUERY_STRING" => query = value,
                b"HTTP_HOST" => host = value,
                b"SERVER_NAME" => server = value,
                b"SERVER_PORT" => port = value,
                b"HTTPS" => request.https |= !value.is_empty() && !value.eq_ignore_ascii_case(b"off"),
                b"REQUEST_SCHEME" => request.https |= value == b"https",
                b"CONTENT_TYPE" | b"CONTENT_LENGTH" => request.field(name, value),
                _ => {
                    if let Some(name) = name.strip_prefix(b"HTTP_") {
                        request.field(name, value);
                    }
                }
            }
        }
        if request.target.is_empty() {
            request.target = text(script);
            if !query.is_empty() {
                request.target.push('?');
                request.target.push_str(&text(query));
            }
        }
        let host = if host.is_empty() { server } else { host };
        // Web servers may leave the port out (nginx's `$host`).
        let behind_address = host.iter().rposition(|&byte| byte == b']').unwrap_or(0);
        if host.is_empty() || port.is_empty() || host[behind_address..].contains(&b':') {
            request.field(b"HOST", host);
        } else {
            request.field(b"HOST", &[host, b":", port].concat());
        }
        request
    }

    /// Adds a header line: parameters have its name in capitals, with `_` for `-`.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        // Nothing that the web server has read from a header holds these.
        if value.is_empty() || value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return;
        }
        let letters = name.iter().map(|byte| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() });
        self.block.extend(letters);
        self.block.extend_from_slice(b": ");
        self.block.extend_from_slice(value);
        self.block.extend_from_slice(b"\r\n");
    }

    /// The head of the request. Its version is [`Version::FastCgi`].
    pub fn head(&self) -> RequestHead<'_> {
        let fields = seen_fields(&self.block);
        RequestHead {
            method: Method::from_name(self.method.as_bytes()),
            method_text: &self.method,
            target: &self.target,
            target_cut: false,
            version: Version::FastCgi,
            host: fields.host,
            user_agent: fields.user_agent,
            content_type: fields.content_type,
            context: fields.context,
            content_length: fields.content_length(),
            chunked: false,
            expects_continue: false,
            upgrade: false,
            keep_alive: true,
            truncated: !self.whole,
            head_bytes: self.block.len(),
            headers: Headers::new(&self.block),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
