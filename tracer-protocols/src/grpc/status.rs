//! Status codes.

/// What a call ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(u8);

/// Names by code (`doc/statuscodes.md`), as `rpc.response.status_code` wants them.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Status {
    /// Reads the value of `grpc-status`. A code that nobody defined counts as UNKNOWN, as `doc/statuscodes.md` says; what is
    /// no number is none.
    pub fn parse(value: &str) -> Option<Self> {
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let code = value.parse().ok().filter(|&code: &u8| usize::from(code) < NAMES.len());
        Some(code.map_or(Self(2), Self))
    }

    /// The name of the code.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN")
    }

    /// Whether a caller counts it as an error (semantic conventions for gRPC): all but OK.
    pub fn is_client_error(self) -> bool {
        self.0 != 0
    }

    /// Whether a server counts it as an error of its own (semantic conventions for gRPC): UNKNOWN, DEADLINE_EXCEEDED,
    /// UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
    pub fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12 | 13 | 14 | 15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let name = |value| Status::parse(value).map(Status::name);
        assert_eq!(name("0"), Some("OK"));
        assert_eq!(name("16"), Some("UNAUTHENTICATED"));
        assert_eq!(name("17"), Some("UNKNOWN"));
        assert_eq!(name("99999999999999999999"), Some("UNKNOWN"));
        for bad in ["", "-1", "+1", "OK", "1 "] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_an_error() {
        let errors = |is: fn(Status) -> bool| {
            (0..17).map(Status).filter(|&s| is(s)).map(Status::name).collect::<Vec<_>>()
        };
        assert_eq!(errors(Status::is_client_error).len(), 16);
        let server =
            ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];
        assert_eq!(errors(Status::is_server_error), server);
    }
}
