//! The parameters of a query string.

use axum::{extract::FromRequestParts, http::request::Parts};
use std::{convert::Infallible, ops::Range};

use super::{app::now_ns, error::ApiError};
use crate::query::parse_duration;

/// Names and values in the order in which they came; names may repeat.
pub(super) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Params {
    /// The first value of a name that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.read(name, "a whole number", |value| value.parse().ok())
    }

    /// Nanoseconds of a duration such as `250ms`.
    pub(super) fn duration(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.read(name, "a duration such as 250ms, 1.5s or 1h30m", parse_duration)
    }

    /// A number within bounds, such as a limit.
    pub(super) fn bounded(&self, name: &str, default: usize, range: Range<usize>) -> Result<usize, ApiError> {
        Ok((self.number(name)?.unwrap_or(default as u64) as usize).clamp(range.start, range.end - 1))
    }

    /// `true` or `false`; false where it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.read(name, "true or false", |value| value.parse().ok())?.unwrap_or(false))
    }

    /// A value that `read` understands.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| ApiError::Parameter {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        })
    }

    /// The range from `start` to `end`, both numbers of units of `unit_ns` since 1970. Without an end it is now (and what
    /// clocks ahead of ours call now), without a start it is `lookback`, or an hour, before the end.
    pub(super) fn range(&self, unit_ns: u64) -> Result<Range<u64>, ApiError> {
        /// Clocks of other hosts may be this much ahead.
        const SKEW_NS: u64 = 60_000_000_000;
        const HOUR_NS: u64 = 3_600_000_000_000;
        let scale = |number: u64| number.saturating_mul(unit_ns);
        let end = self.number("end")?.map_or_else(|| now_ns().saturating_add(SKEW_NS), scale);
        let lookback = self.duration_or_custom("lookback")?.unwrap_or(HOUR_NS);
        let start = self.number("start")?.map_or_else(|| end.saturating_sub(lookback), scale);
        Ok(start..end.saturating_add(1))
    }

    /// Jaeger's page sends `lookback=custom` along with a start and an end.
    fn duration_or_custom(&self, name: &str) -> Result<Option<u64>, ApiError> {
        if self.get(name) == Some("custom") { Ok(None) } else { self.duration(name) }
    }
}
