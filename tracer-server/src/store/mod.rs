//! Where spans are.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::{
    counters::{Counters, Loss},
    query::{Deadline, Finder, Found, Search},
    spans::{self, Kind, Refused, Spans, TraceId},
};

/// Spans kept in memory.
const MEMORY_SPANS: usize = 131_072;

/// Spans were not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Too much is waiting.
    #[error("The server has more to write than it can; try again.")]
    Overloaded,
}

/// The store of a server.
pub struct Store {
    state: RwLock<State>,
    counters: Arc<Counters>,
}

/// What a service does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Its name.
    pub service: String,
    /// What it does.
    pub name: String,
    /// As what.
    pub kind: Kind,
}

#[derive(Default)]
struct State {
    /// What comes in.
    active: Spans,
    /// What came before it.
    sealed: Option<Arc<Spans>>,
}

impl Store {
    /// A store that keeps the latest spans in memory.
    pub fn in_memory(counters: Arc<Counters>) -> Self {
        Self { state: RwLock::default(), counters }
    }

    /// Takes the spans of a request, of which `_body` is the encoded form; returns when they are as durable as they get.
    pub async fn append(
        &self,
        _body: Bytes,
        request: ExportTraceServiceRequest,
    ) -> Result<Refused, AppendError> {
        let mut state = self.write();
        let before = state.active.len();
        let refused = spans::append(&mut state.active, &request);
        self.counters.accept((state.active.len() - before) as u64);
        self.counters.lose(Loss::InvalidIds, refused.invalid_ids);
        if state.active.len() >= MEMORY_SPANS / 2 {
            let full = std::mem::take(&mut state.active);
            let evicted = state.sealed.replace(Arc::new(full));
            self.counters.lose(Loss::Evicted, evicted.map_or(0, |spans| spans.len() as u64));
        }
        Ok(refused)
    }

    /// The newest traces that have a span which is searched for.
    pub fn find(&self, search: &Search, _deadline: Deadline) -> Found {
        let mut finder = Finder::new(search);
        self.each(|spans| finder.look(spans));
        finder.finish()
    }

    /// Every span of these traces.
    pub fn traces(&self, ids: &[TraceId], _deadline: Deadline) -> Spans {
        let mut found = Spans::default();
        self.each(|spans| {
            for span in spans.iter().filter(|span| ids.contains(&span.row().trace_id)) {
                found.copy(span);
            }
        });
        found.sort();
        found.dedup();
        found
    }

    /// Every operation of every service, in order.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = BTreeSet::new();
        self.each(|spans| {
            for span in spans.iter() {
                operations.insert(Operation {
                    service: span.service().to_owned(),
                    name: span.name().to_owned(),
                    kind: span.row().kind,
                });
            }
        });
        operations.into_iter().collect()
    }

    /// Shows `look` every batch that may hold spans of a range of time.
    pub fn visit(&self, _range: &Range<u64>, _deadline: Deadline, mut look: impl FnMut(&Spans)) {
        self.each(&mut look);
    }

    fn each(&self, mut look: impl FnMut(&Spans)) {
        let state = self.read();
        look(&state.active);
        if let Some(sealed) = &state.sealed {
            look(sealed);
        }
    }

    // A panic while the lock was held leaves whole rows: they are only ever added.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
