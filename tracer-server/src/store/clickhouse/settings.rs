//! Which ClickHouse spans go to, and as whom.

use std::{fmt, str::FromStr, time::Duration};

use hyper::Uri;

/// The settings of a ClickHouse that keeps the spans instead of blocks.
#[derive(Clone, PartialEq, Eq)]
pub struct ClickHouseSettings {
    /// Where its HTTP interface is.
    pub url: ClickHouseUrl,
    /// The database.
    pub database: String,
    /// The table, in the schema of the OpenTelemetry collector; `_trace_id_ts` is appended for the one that finds traces.
    pub table: String,
    /// As whom.
    pub user: String,
    /// Empty for none.
    pub password: String,
    /// Whether the tables are made if they are not there, with the age at which they delete spans; none to leave them alone.
    pub create: Option<Duration>,
}

/// `http://HOST:PORT` or `https://HOST:PORT`, perhaps with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickHouseUrl(Uri);

impl ClickHouseSettings {
    /// Those of a ClickHouse and a collector that nobody configured.
    pub fn new(url: ClickHouseUrl) -> Self {
        Self {
            url,
            database: "default".to_owned(),
            table: "otel_traces".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            create: None,
        }
    }
}

impl FromStr for ClickHouseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "an address of ClickHouse's HTTP interface is http://HOST:8123 or https://HOST:8443, without a question mark".to_owned()
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if !is_http || uri.query().is_some() {
            return Err(wrong());
        }
        if authority.contains('@') {
            return Err(
                "name the user and the password by their own settings, not in the address, which is logged"
                    .to_owned(),
            );
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for ClickHouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ClickHouseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouseSettings")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("table", &self.table)
            .field("user", &self.user)
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_http() {
        for right in ["http://localhost:8123", "https://clickhouse.example/behind/a/proxy"] {
            assert!(right.parse::<ClickHouseUrl>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "localhost:8123",
            "tcp://localhost:9000",
            "http://me:secret@localhost",
            "http://localhost/?a=b",
        ] {
            assert!(wrong.parse::<ClickHouseUrl>().is_err(), "{wrong}");
        }
        let mut settings = ClickHouseSettings::new("http://localhost:8123".parse().expect("an address"));
        settings.password.push_str("secret");
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
