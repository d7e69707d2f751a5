//! ClickHouse's HTTP interface (its documentation: "HTTP Interface"), asked by threads that wait.

use std::{
    io::{self, Read},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, body::Incoming, header};
use serde::de::DeserializeOwned;
use tokio::runtime::{Handle, Runtime};
use twox_hash::XxHash64;

use super::settings::ClickHouseSettings;
use crate::{https, query::Deadline};

/// Bytes of an error that are shown.
const SHOWN: usize = 400;

/// Settings of every question: how answers are written, whatever the server's own settings are.
const SETTINGS: [(&str, &str); 5] = [
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_arrow_low_cardinality_as_dictionary", "0"),
    // Text that is no UTF-8 is shown as far as it is, rather than refused as a whole.
    ("output_format_arrow_string_as_string", "0"),
    ("output_format_arrow_compression_method", "none"),
    // Names in conditions are those of columns, whatever an answer calls them.
    ("prefer_column_name_to_alias", "1"),
];

/// ClickHouse was asked in vain.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum ClickHouseError {
    /// No connection, or one that broke.
    #[error("ClickHouse does not answer: {0}")]
    Connection(String),
    /// Not in time.
    #[error("ClickHouse did not answer in time")]
    Slow,
    /// It says no.
    #[error("ClickHouse refused with {0}: {1}")]
    Refused(StatusCode, String),
    /// It broke off, or says something else than was asked.
    #[error("ClickHouse's answer cannot be read: {0}")]
    Answer(String),
    /// The table is not there, or not the collector's.
    #[error(
        "the table {table} lacks the columns {missing}; have it made by --clickhouse-create-tables, or by the OpenTelemetry collector"
    )]
    Table {
        /// The table.
        table: String,
        /// What it lacks.
        missing: String,
    },
}

/// See the module.
pub(super) struct Client {
    http: https::Client,
    settings: ClickHouseSettings,
    /// None once it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Client {
    pub(super) fn new(settings: ClickHouseSettings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("clickhouse")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { http: https::client()?, settings, runtime: Some(runtime), handle })
    }

    pub(super) fn settings(&self) -> &ClickHouseSettings {
        &self.settings
    }

    /// Asks a question, whose answer is in the format that it names.
    pub(super) fn ask(&self, sql: String, deadline: &Deadline) -> Result<Answer, ClickHouseError> {
        self.send(&[("database", &self.settings.database)], sql.into(), deadline)
    }

    /// Asks a question, whose answer is a list of rows.
    pub(super) fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        deadline: &Deadline,
    ) -> Result<Vec<T>, ClickHouseError> {
        let text = self.ask(format!("{sql} FORMAT JSONCompactEachRow"), deadline)?.text()?;
        let row = |line: &str| {
            serde_json::from_str(line).map_err(|error| {
                ClickHouseError::Answer(format!("{error}: {}", line.chars().take(SHOWN).collect::<String>()))
            })
        };
        text.lines().map(row).collect()
    }

    /// Makes something, wherever the statement says.
    pub(super) fn make(&self, sql: String, deadline: &Deadline) -> Result<(), ClickHouseError> {
        self.send(&[], sql.into(), deadline)?.text().map(drop)
    }

    /// Inserts rows. The same rows once more are known by their hash, and are not inserted again (ClickHouse's documentation:
    /// "Deduplicating inserts on retries").
    pub(super) fn insert(
        &self,
        sql: &str,
        rows: Vec<u8>,
        deadline: &Deadline,
    ) -> Result<(), ClickHouseError> {
        let [first, second] = [0, 1].map(|seed| XxHash64::oneshot(seed, &rows));
        let token = format!("{first:016x}{second:016x}");
        let parameters = [
            ("database", self.settings.database.as_str()),
            ("query", sql),
            ("insert_deduplication_token", &token),
        ];
        self.send(&parameters, rows.into(), deadline)?.text().map(drop)
    }

    fn send(
        &self,
        parameters: &[(&str, &str)],
        body: Bytes,
        deadline: &Deadline,
    ) -> Result<Answer, ClickHouseError> {
        let left = deadline.left();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters).extend_pairs(SETTINGS);
        // What nobody waits for any more is not worked on.
        query.append_pair("max_execution_time", &left.as_secs().max(1).to_string());
        let uri = format!("{}?{}", self.settings.url, query.finish());
        let request = Request::post(uri)
            .header("x-clickhouse-user", &self.settings.user)
            .header("x-clickhouse-key", &self.settings.password)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(Full::from(body))
            .map_err(|error| ClickHouseError::Connection(error.to_string()))?;
        let answer =
            self.handle.block_on(async { tokio::time::timeout(left, self.http.request(request)).await });
        let answer = answer.map_err(|_| ClickHouseError::Slow)?;
        let answer = answer.map_err(|error| ClickHouseError::Connection(chain(&error)))?;
        let status = answer.status();
        let mut answer = Answer {
            body: answer.into_body(),
            here: Bytes::new(),
            handle: self.handle.clone(),
            deadline: deadline.clone(),
        };
        if status.is_success() {
            return Ok(answer);
        }
        let mut text = vec![0; SHOWN];
        let read = answer.read(&mut text).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]);
        Err(ClickHouseError::Refused(status, text.lines().next().unwrap_or_default().to_owned()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Whoever drops it may be asynchronous, and must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// An answer as it comes.
pub(super) struct Answer {
    body: Incoming,
    here: Bytes,
    handle: Handle,
    deadline: Deadline,
}

impl Answer {
    /// The whole of it. For answers that are known to be small.
    fn text(mut self) -> Result<String, ClickHouseError> {
        /// Ten thousands of names.
        const LARGEST: u64 = 64 << 20;
        let mut bytes = Vec::new();
        self.by_ref()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| ClickHouseError::Answer(error.to_string()))?;
        if bytes.len() as u64 > LARGEST {
            return Err(ClickHouseError::Answer(format!("it has more than {} MiB", LARGEST >> 20)));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.here.is_empty() {
            let left: Duration = self.deadline.left();
            let frame = self.handle.block_on(async { tokio::time::timeout(left, self.body.frame()).await });
            let Some(frame) = frame.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? else {
                return Ok(0);
            };
            let frame = frame.map_err(|error| io::Error::other(chain(&error)))?;
            self.here = frame.into_data().unwrap_or_default();
        }
        let length = self.here.len().min(buffer.len());
        self.here.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
