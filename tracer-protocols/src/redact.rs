//! What of a URL may leave the process.

/// Which values of a query string are shown. Keys always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryValues<'a> {
    /// None but those of these keys. The default, with no keys.
    HideAllBut(&'a [String]),
    /// All but secrets known by name and those of these keys.
    ShowAllBut(&'a [String]),
}

/// Appends `query` (what stands behind `?`) to `out`, hidden values replaced by `REDACTED`.
pub fn query(query: &str, values: QueryValues<'_>, out: &mut String) {
    let _ = (query, values, out);
}

/// Appends a URL or request target to `out`, without credentials and with the query redacted.
pub fn url(url: &str, values: QueryValues<'_>, out: &mut String) {
    let _ = (url, values, out);
}
