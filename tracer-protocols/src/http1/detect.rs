//! Is this HTTP/1? Told by content alone.

use super::limits::SURE_TARGET;
use super::start_line::{self, Start};

/// What the first bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detection {
    /// A request starts here.
    Request,
    /// A response starts here.
    Response,
    /// So far either is possible.
    NeedMore,
    /// Neither.
    No,
}

/// Says what starts at the front of `bytes`, after empty lines.
///
/// Only methods known by name count, and a request line has to end in `HTTP/1.0` or `HTTP/1.1`: RTSP, SIP and others
/// share the rest. A target so long that its end is not at hand is believed after [`SURE_TARGET`] bytes.
pub fn detect(bytes: &[u8]) -> Detection {
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &bytes[blank..];
    match start_line::status_code(bytes) {
        Start::Line(_) => {
            return match start_line::response(bytes) {
                Start::No => Detection::No,
                Start::Line(_) | Start::More => Detection::Response,
            };
        }
        Start::More => return Detection::NeedMore,
        Start::No => {}
    }
    match start_line::request(bytes, false) {
        Start::Line(_) => Detection::Request,
        Start::More => match start_line::request_cut(bytes, false) {
            Some((line, _)) if line.target.len() >= SURE_TARGET => Detection::Request,
            _ => Detection::NeedMore,
        },
        Start::No => Detection::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses() {
        for request in [
            "GET / HTTP/1.1\r\n",
            "\r\nPOST /x?y=z HTTP/1.0\nHost: a\n",
            "PROPFIND /dav HTTP/1.1\r\n",
            "OPTIONS * HTTP/1.1\r\n",
            "CONNECT [::1]:443 HTTP/1.1\r\n",
            "GET HTTP://a.example HTTP/1.1\r\n",
        ] {
            assert_eq!(detect(request.as_bytes()), Detection::Request, "{request}");
        }
        let long = format!("GET /{}", "a".repeat(SURE_TARGET));
        assert_eq!(detect(long.as_bytes()), Detection::Request);
        for response in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 304", "HTTP/1.1 999 \r\n"] {
            assert_eq!(detect(response.as_bytes()), Detection::Response, "{response}");
        }
    }

    #[test]
    fn too_early_to_tell() {
        for start in
            ["", "\r\n", "G", "H", "HTTP/1.1 2", "PRO", "GET /index", "GET http", "CONNECT a.example:44"]
        {
            assert_eq!(detect(start.as_bytes()), Detection::NeedMore, "{start:?}");
        }
    }

    #[test]
    fn others() {
        let others: [&[u8]; 14] = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"get key\r\n",
            b"OPTIONS * RTSP/1.0\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\n",
            b"GET /old\r\n",
            b"GET / HTTP/2.0\r\n",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 2x0 \r\n",
            b"HTTP/1.1 200OK\r\n",
            b"BREW /pot HTTP/1.1\r\n",
            b"GET /a\x00b HTTP/1.1\r\n",
        ];
        for other in others {
            assert_eq!(detect(other), Detection::No, "{}", other.escape_ascii());
        }
    }
}
