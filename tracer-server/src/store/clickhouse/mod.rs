//! ClickHouse in the place of blocks (docs/clickhouse.md): finished spans are inserted into the table of the OpenTelemetry
//! collector, and asked for there.

mod client;
mod encode;
mod extra;
mod needs;
mod rows;
mod schema;
mod settings;
mod sql;
mod view;

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;

pub(super) use self::{client::ClickHouseError, view::View};
use self::{client::Client, schema::Layout};
use crate::{query::Deadline, spans::Spans};
pub use settings::{ClickHouseSettings, ClickHouseUrl};

/// Spans that are inserted at once, at most: ClickHouse wants them by ten thousands, and they are in memory twice meanwhile.
pub(super) const BATCH_SPANS: usize = 65_536;

/// Longest that spans wait to be inserted: other servers on the same tables do not see them before.
pub(super) const BATCH_AGE: Duration = Duration::from_secs(5);

/// Longest that an insert may take. The server waits for one that is on its way before it ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of a ClickHouse.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClickHouseState {
    /// Spans inserted since the start.
    pub spans_inserted: u64,
    /// Inserts that were tried in vain, and are tried again.
    pub failed_inserts: u64,
    /// What went wrong the last time, until an insert works again; none if nothing did.
    pub last_error: Option<String>,
}

/// See the module.
pub(super) struct ClickHouse {
    client: Client,
    /// None until the tables have been looked at.
    layout: Mutex<Option<Layout>>,
    state: Mutex<ClickHouseState>,
}

impl ClickHouse {
    /// Asks nothing yet: a ClickHouse that is down now may be there later.
    pub(super) fn new(settings: ClickHouseSettings) -> io::Result<Self> {
        Ok(Self { client: Client::new(settings)?, layout: Mutex::default(), state: Mutex::default() })
    }

    /// Inserts spans; they are there once it returns.
    pub(super) fn insert(&self, spans: &Spans) -> Result<(), ClickHouseError> {
        let deadline = Deadline::after(PATIENCE);
        let insert = || {
            let layout = self.layout(&deadline)?;
            let statement = encode::statement(&self.client.settings().table, layout);
            self.client.insert(&statement, encode::rows(spans, layout), &deadline)
        };
        let result = insert();
        let mut state = lock(&self.state);
        match &result {
            Ok(()) => {
                state.spans_inserted += spans.len() as u64;
                state.last_error = None;
            }
            Err(error) => {
                state.failed_inserts += 1;
                state.last_error = Some(error.to_string());
                // Perhaps the tables have changed.
                *lock(&self.layout) = None;
            }
        }
        result
    }

    pub(super) fn state(&self) -> ClickHouseState {
        lock(&self.state).clone()
    }

    /// Whether it did what it was last asked to do.
    pub(super) fn is_well(&self) -> bool {
        lock(&self.state).last_error.is_none()
    }

    /// Notes a question that was asked in vain.
    fn note(&self, error: &ClickHouseError) {
        lock(&self.state).last_error = Some(error.to_string());
    }

    /// What the tables are like; they are made first if that is wanted.
    fn layout(&self, deadline: &Deadline) -> Result<Layout, ClickHouseError> {
        if let Some(layout) = *lock(&self.layout) {
            return Ok(layout);
        }
        if let Some(age) = self.client.settings().create {
            schema::create(&self.client, age, deadline)?;
        }
        let layout = Layout::read(&self.client, deadline)?;
        *lock(&self.layout) = Some(layout);
        Ok(layout)
    }
}

// A panic while one was held leaves whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
