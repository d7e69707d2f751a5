//! Exchanges that are followed but not shown: what hangs on them hangs on the nearest shown one above.

use super::correlate::{Correlator, Open};
use crate::spans::span::{Parent, Span, SpanId};

/// Exchanges one above the other that are not shown; a longer chain is cut.
const MAX_HIDDEN_CHAIN: usize = 64;

impl Correlator {
    /// An exchange that is not shown leaves its place to its parent.
    pub(super) fn step_aside(&mut self, gone: &Open) {
        let Some(group) = self.groups.get_mut(gone.group) else { return };
        for id in &group.open {
            if let Some(open) = self.open.get_mut(id) {
                replace_parent(&mut open.parent, gone.span_id, gone.parent);
            }
        }
        for span in &mut group.finished {
            replace_parent(&mut span.parent, gone.span_id, gone.parent);
        }
    }

    /// As [`Self::step_aside`], for spans that are handed out while an exchange above them is still open.
    pub(super) fn look_past_hidden(&self, spans: &mut [Span]) {
        if self.hidden.is_empty() {
            return;
        }
        for span in spans {
            for _ in 0..MAX_HIDDEN_CHAIN {
                let above = span.parent.and_then(|parent| self.hidden.get(&parent.span_id));
                let Some(gone) = above.and_then(|id| self.open.get(id)) else { break };
                replace_parent(&mut span.parent, gone.span_id, gone.parent);
            }
        }
    }
}

/// Puts `above` in the place of the parent `gone`. A chain is as good as its weakest link.
fn replace_parent(parent: &mut Option<Parent>, gone: SpanId, above: Option<Parent>) {
    if let Some(known) = *parent
        && known.span_id == gone
    {
        *parent = above.map(|above| Parent { evidence: above.evidence.max(known.evidence), ..above });
    }
}
