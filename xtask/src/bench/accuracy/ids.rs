//! Requests and the calls that belong to them. Only this benchmark and the front service can tell which.

use serde::Serialize;

/// What a front service does for a request, named in the request's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// One call, then the answer.
    One,
    /// Two calls, one after the other.
    Seq,
    /// Two calls at the same time.
    Par,
    /// A pause of up to 20 ms, then one call.
    Wait,
    /// The answer, then one call.
    After,
    /// The answer, a pause of up to 20 ms, then one call.
    Later,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 6] = [Self::One, Self::Seq, Self::Par, Self::Wait, Self::After, Self::Later];

    /// As the path has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Seq => "seq",
            Self::Par => "par",
            Self::Wait => "wait",
            Self::After => "after",
            Self::Later => "later",
        }
    }

    /// How many calls it makes.
    pub(super) fn calls(self) -> u32 {
        match self {
            Self::Seq | Self::Par => 2,
            Self::One | Self::Wait | Self::After | Self::Later => 1,
        }
    }
}

/// The path of the request.
pub(super) fn front_path(kind: Kind, id: &str) -> String {
    format!("/front/{}/{id}", kind.name())
}

/// The id in a path of [`front_path`].
pub(super) fn front_id(path: &str) -> Option<&str> {
    path.strip_prefix("/front/")?.split_once('/').map(|(_, id)| id)
}

/// The path of a call, counted from 1. Where the front cannot compute (a proxy), the id stands in it: `plain`.
pub(super) fn back_path(id: &str, call: u32, plain: bool) -> String {
    if plain {
        return format!("/back/{id}");
    }
    format!("/back/{:016x}", fnv1a(format!("{id}:{call}").as_bytes()))
}

/// FNV-1a, 64 bits (RFC 9923): a few lines in every language, and nothing of its input shows.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // RFC 9923, test vectors for the empty text and "a".
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn paths_lead_back_to_ids() {
        assert_eq!(front_id(&front_path(Kind::Wait, "t8-17")), Some("t8-17"));
        assert_eq!(front_id("/back/1"), None);
        assert_eq!(back_path("t8-17", 1, true), "/back/t8-17");
        assert_ne!(back_path("t8-17", 1, false), back_path("t8-17", 2, false));
    }
}
