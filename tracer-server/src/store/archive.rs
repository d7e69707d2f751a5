//! What answers for the spans that are finished with: the seam between the store's memory and what lies behind it.

use std::{
    collections::{BTreeSet, HashSet},
    ops::{ControlFlow, Range},
};

use super::Operation;
use crate::{
    query::{Deadline, Field, Filter, Finder},
    spans::{SpanId, SpanRef, Spans, TraceId},
};

/// Questions to finished spans. Where a question has an answer of `bool`, it is false if something may be missing: time ran out,
/// there was too much, or something could not be read.
pub(super) trait Archive {
    /// Looks for what a search asks for.
    fn find(&self, finder: &mut Finder<'_>, deadline: &Deadline);

    /// Adds every span of these traces.
    fn collect(&self, ids: &HashSet<TraceId>, found: &mut Spans, deadline: &Deadline) -> bool;

    /// Shows `look` batches that hold every span of a range of time, with ids, times, service, name, kind and status.
    fn visit(&self, range: &Range<u64>, deadline: &Deadline, look: &mut dyn FnMut(&Spans)) -> bool;

    /// Shows `look` every span that is asked for, with these fields, ids and times, until it has seen enough.
    fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        deadline: &Deadline,
        look: &mut dyn FnMut(SpanRef<'_>) -> ControlFlow<()>,
    ) -> bool;

    /// Adds every operation of every service.
    fn operations(&self, found: &mut BTreeSet<Operation>, deadline: &Deadline) -> bool;

    /// Adds the names of the attributes that spans in a range of time have.
    fn attribute_names(&self, range: &Range<u64>, found: &mut BTreeSet<String>, deadline: &Deadline) -> bool;
}

/// The spans that were in memory when a question was asked. One that is moved into an archive while the question is worked on is
/// found in both.
#[derive(Default)]
pub(super) struct Recent(hashbrown::HashSet<(TraceId, SpanId)>);

impl Recent {
    pub(super) fn add(&mut self, spans: &Spans) {
        self.0.extend(spans.rows().iter().map(|row| (row.trace_id, row.span_id)));
    }

    pub(super) fn contains(&self, trace_id: TraceId, span_id: SpanId) -> bool {
        self.0.contains(&(trace_id, span_id))
    }
}
