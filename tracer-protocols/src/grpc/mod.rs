//! gRPC over HTTP/2 and gRPC-Web: what of it shows in headers and trailers.
//!
//! Sources: `doc/PROTOCOL-HTTP2.md`, `doc/PROTOCOL-WEB.md` and `doc/statuscodes.md` of the gRPC repository.
//!
//! Messages are not read. gRPC-Web puts its trailers into the body, so a status is known only where the answer consists of
//! headers alone.

mod status;

pub use status::Status;

/// Whether the value of a `content-type` header is that of gRPC or gRPC-Web: `application/grpc` with an optional suffix.
pub fn is_content_type(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().trim();
    let Some((head, rest)) = kind.split_at_checked("application/grpc".len()) else { return false };
    let rest = rest.strip_prefix("-web-text").or_else(|| rest.strip_prefix("-web")).unwrap_or(rest);
    head.eq_ignore_ascii_case("application/grpc") && (rest.is_empty() || rest.starts_with('+'))
}

/// The method that a request's path names, as `rpc.method` wants it: `package.Service/Method`. gRPC-Web may be served below
/// a prefix, which is left out.
pub fn method(path: &str) -> Option<&str> {
    let path = path.split('?').next()?.strip_prefix('/')?;
    let (front, method) = path.rsplit_once('/')?;
    let service = front.rsplit('/').next()?;
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    (is_name(service) && is_name(method)).then(|| &path[front.len() - service.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for yes in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; charset=utf-8",
            "application/grpc-web",
            "application/grpc-web-text+proto",
        ] {
            assert!(is_content_type(yes), "{yes}");
        }
        for no in ["", "application/grpcx", "application/json", "application/grp", "text/grpc"] {
            assert!(!is_content_type(no), "{no}");
        }
    }

    #[test]
    fn methods() {
        assert_eq!(method("/helloworld.Greeter/SayHello"), Some("helloworld.Greeter/SayHello"));
        assert_eq!(method("/prefix/of/it/pkg.S/M?x=1"), Some("pkg.S/M"));
        for no in ["", "/", "/a", "a/b", "//b", "/a/", "/a b/c", "/a/{id}"] {
            assert_eq!(method(no), None, "{no}");
        }
    }
}
