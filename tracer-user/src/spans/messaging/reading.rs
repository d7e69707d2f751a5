//! What protocols need to make sense of messages.

use tracer_protocols::context::{Carried, Extractor, HeaderLines};

use super::{message::Message, topics::Topics};
use crate::spans::span::Link;

/// Contexts of one span's messages that are kept.
const MAX_CONTEXTS: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct Reading<'a> {
    /// Reads trace context.
    pub extractor: &'a Extractor,
    /// What is known of brokers beyond a connection.
    pub topics: &'a mut Topics,
    /// The process whose connection it is.
    pub tgid: u32,
}

impl Reading<'_> {
    /// The context among a message's headers.
    pub(super) fn context<'h>(
        &self,
        lines: &mut HeaderLines,
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    ) -> Option<Carried> {
        lines.clear();
        for (name, value) in headers {
            lines.push(name, value);
        }
        if lines.is_empty() { None } else { self.extractor.context_of(lines) }
    }
}

/// Contexts of several messages.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    distinct: Vec<Carried>,
    /// Messages that were looked at, and those among them that carry context.
    looked_at: u32,
    carrying: u32,
}

impl Contexts {
    pub(super) fn add(&mut self, carried: Option<Carried>) {
        self.looked_at += 1;
        let Some(carried) = carried else { return };
        self.carrying += 1;
        if !self.distinct.contains(&carried) && self.distinct.len() < MAX_CONTEXTS {
            self.distinct.push(carried);
        }
    }

    /// The one context that all of `count` messages carry, which is the span's parent; several become links of `message`.
    pub(super) fn settle(mut self, count: u32, message: &mut Message) -> Option<Carried> {
        if self.distinct.len() == 1 && self.carrying == count && self.looked_at == count {
            return self.distinct.pop();
        }
        message.contexts = self
            .distinct
            .iter()
            .map(|carried| Link::by_header(carried.context.trace_id, carried.context.span_id))
            .collect();
        None
    }
}
