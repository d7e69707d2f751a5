//! Is this HTTP/1? Told by content alone.

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

/// Says what starts at the front of `bytes`.
pub fn detect(bytes: &[u8]) -> Detection {
    if bytes.is_empty() { Detection::NeedMore } else { Detection::No }
}
