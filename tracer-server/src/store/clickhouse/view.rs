//! ClickHouse as an archive.

use std::{
    collections::{BTreeSet, HashSet},
    ops::{ControlFlow, Range},
};

use super::{
    ClickHouse,
    client::ClickHouseError,
    needs::Needs,
    rows,
    schema::{Layout, times_of},
    sql,
};
use crate::{
    query::{Condition, Deadline, Field, Filter, Finder, Op},
    spans::{SpanRef, Spans, TraceId, UNKNOWN_SERVICE},
    store::{
        MOST_SPANS, Operation,
        archive::{Archive, Recent},
    },
};

/// Names in one answer, at most.
const MOST_NAMES: usize = 100_000;

/// Parts into which a range of time is divided to see where the spans are.
const PARTS: u64 = 256;

/// The shortest part, nanoseconds.
const SHORTEST: u64 = 1_000_000_000;

/// Matching spans that are fetched at a time by a search, about: a page of answers.
const OF_A_SEARCH: u64 = 20_000;

/// Spans that are fetched at a time by counting, about: as many as a block has.
const OF_A_BLOCK: u64 = 131_072;

/// How far before a range of time the callers of what is in it are looked for, nanoseconds.
const CALLERS: u64 = 60_000_000_000;

/// The spans in ClickHouse, but those that were in memory when a question was asked.
pub(in crate::store) struct View<'a> {
    clickhouse: &'a ClickHouse,
    recent: Recent,
}

/// What a scan comes to.
enum Step<'a> {
    /// What follows starts before this moment, nanoseconds since 1970.
    Before(u64),
    /// Spans.
    Spans(&'a Spans),
}

/// Which spans a scan is for.
struct Scan<'a> {
    layout: Layout,
    conditions: String,
    needs: Needs<'a>,
    /// Spans that are fetched at a time, about.
    at_a_time: u64,
}

impl<'a> View<'a> {
    pub(in crate::store) fn new(clickhouse: &'a ClickHouse, recent: Recent) -> Self {
        Self { clickhouse, recent }
    }

    /// Whether something worked; what did not is logged.
    fn is_done(&self, result: Result<(), ClickHouseError>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "ClickHouse cannot be asked; the answer lacks what is there");
                self.clickhouse.note(&error);
                false
            }
        }
    }

    /// Shows `look` the spans of a scan that start within a range of time, the newest part first.
    fn scan(
        &self,
        scan: &Scan<'_>,
        range: &Range<u64>,
        deadline: &Deadline,
        look: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ClickHouseError> {
        let table = sql::identifier(&self.clickhouse.client.settings().table);
        let width = (range.end.saturating_sub(range.start) / PARTS).max(SHORTEST);
        let parts: Vec<(u64, u64)> = self.clickhouse.client.rows(
            &format!(
                "SELECT intDiv(toUnixTimestamp64Nano(Timestamp), {width}) AS part, count() FROM {table}
                WHERE {} AND {} GROUP BY part ORDER BY part DESC",
                sql::starts_within(range),
                scan.conditions,
            ),
            deadline,
        )?;
        let mut parts = parts.into_iter().peekable();
        while let Some((part, count)) = parts.next() {
            let end = (part + 1).saturating_mul(width).min(range.end);
            let begin = |part: u64| part.saturating_mul(width).max(range.start);
            let step = if count > scan.at_a_time && width > SHORTEST {
                self.scan(scan, &(begin(part)..end), deadline, look)?
            } else {
                let (mut first, mut sum) = (part, count);
                while let Some((part, count)) = parts.next_if(|(_, count)| sum + count <= scan.at_a_time) {
                    (first, sum) = (part, sum + count);
                }
                if look(Step::Before(end)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                self.fetch(scan, &(begin(first)..end), deadline, look)?
            };
            if step.is_break() {
                return Ok(step);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Shows `look` the spans of a scan that start within a range of time, at once unless there are too many.
    fn fetch(
        &self,
        scan: &Scan<'_>,
        range: &Range<u64>,
        deadline: &Deadline,
        look: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ClickHouseError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE {} AND {} FORMAT ArrowStream",
            scan.needs.columns(scan.layout),
            sql::identifier(&self.clickhouse.client.settings().table),
            sql::starts_within(range),
            scan.conditions,
        );
        let mut spans = Spans::default();
        let mut step = ControlFlow::Continue(());
        rows::read(self.clickhouse.client.ask(sql, deadline)?, |batch| {
            rows::unpack(batch, &self.recent, &mut spans)?;
            if spans.len() >= MOST_SPANS && step.is_continue() {
                step = look(Step::Spans(&std::mem::take(&mut spans)));
            }
            Ok(())
        })?;
        if step.is_continue() && !spans.is_empty() {
            step = look(Step::Spans(&spans));
        }
        Ok(step)
    }

    /// What the spans that a filter asks for meet.
    fn conditions(
        &self,
        filter: &Filter,
        layout: Layout,
        deadline: &Deadline,
    ) -> Result<String, ClickHouseError> {
        let keys: Vec<&str> = filter.conditions.iter().filter_map(key_that_equals).collect();
        // Only rows that were written here say that a text is a list; and only then are they looked into one by one.
        let lists = layout.has_extra && !keys.is_empty() && {
            let sql = format!(
                "SELECT 1 FROM {} WHERE {} AND ({}) LIMIT 1",
                sql::identifier(&self.clickhouse.client.settings().table),
                sql::starts_within(&filter.start_ns),
                sql::has_json(keys.into_iter()),
            );
            !self.clickhouse.client.rows::<(u8,)>(&sql, deadline)?.is_empty()
        };
        let conditions = filter.conditions.iter().map(|condition| sql::condition(condition, lists));
        Ok(std::iter::once("1".to_owned()).chain(conditions).collect::<Vec<String>>().join(" AND "))
    }

    /// The moments between which these traces are, as a condition; "1" where that is not known.
    fn times(&self, ids: &str, count: usize, deadline: &Deadline) -> Result<String, ClickHouseError> {
        let sql = format!(
            "SELECT uniqExact(TraceId), toUnixTimestamp(min(Start)), toUnixTimestamp(max(End)) FROM {} WHERE TraceId IN {ids}",
            sql::identifier(&times_of(&self.clickhouse.client.settings().table)),
        );
        let found: Vec<(usize, u64, u64)> = self.clickhouse.client.rows(&sql, deadline)?;
        let second = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        Ok(match found.first() {
            Some((known, start, end)) if *known == count => {
                sql::starts_within(&(second(*start)..second(end + 1)))
            }
            _ => "1".to_owned(),
        })
    }

    fn fetch_traces(
        &self,
        ids: &HashSet<TraceId>,
        found: &mut Spans,
        deadline: &Deadline,
    ) -> Result<(), ClickHouseError> {
        let layout = self.clickhouse.layout(deadline)?;
        let hex = sql::texts(ids.iter().map(TraceId::to_string));
        let times = if layout.has_times { self.times(&hex, ids.len(), deadline)? } else { "1".to_owned() };
        let sql = format!(
            "SELECT {} FROM {} WHERE TraceId IN {hex} AND {times} LIMIT {} FORMAT ArrowStream",
            Needs::All.columns(layout),
            sql::identifier(&self.clickhouse.client.settings().table),
            MOST_SPANS + 1,
        );
        let answer = self.clickhouse.client.ask(sql, deadline)?;
        rows::read(answer, |batch| rows::unpack(batch, &self.recent, found))
    }
}

/// The key of a condition that an item of a list may meet.
fn key_that_equals(condition: &Condition) -> Option<&str> {
    match (&condition.field, condition.op) {
        (Field::Attribute(_, key), Op::Eq) => Some(key),
        _ => None,
    }
}

impl Archive for View<'_> {
    fn find(&self, finder: &mut Finder<'_>, deadline: &Deadline) {
        let mut find = || {
            let layout = self.clickhouse.layout(deadline)?;
            let filter = finder.filter();
            let conditions = self.conditions(filter, layout, deadline)?;
            let fields: Vec<Field> =
                filter.conditions.iter().map(|condition| condition.field.clone()).collect();
            let scan = Scan { layout, conditions, needs: Needs::Fields(&fields), at_a_time: OF_A_SEARCH };
            let range = filter.start_ns.clone();
            self.scan(&scan, &range, deadline, &mut |step| match step {
                Step::Before(end) if finder.is_settled(end.saturating_sub(1)) => {
                    finder.counted = false;
                    ControlFlow::Break(())
                }
                Step::Before(_) => ControlFlow::Continue(()),
                Step::Spans(spans) => {
                    finder.look(spans);
                    ControlFlow::Continue(())
                }
            })
            .map(drop)
        };
        let result = find();
        if !self.is_done(result) {
            finder.partial = true;
        }
    }

    fn collect(&self, ids: &HashSet<TraceId>, found: &mut Spans, deadline: &Deadline) -> bool {
        self.is_done(self.fetch_traces(ids, found, deadline)) && found.len() <= MOST_SPANS
    }

    fn visit(&self, range: &Range<u64>, deadline: &Deadline, look: &mut dyn FnMut(&Spans)) -> bool {
        let mut visit = || {
            let layout = self.clickhouse.layout(deadline)?;
            let scan =
                Scan { layout, conditions: "1".to_owned(), needs: Needs::Counting, at_a_time: OF_A_BLOCK };
            let range = range.start.saturating_sub(CALLERS)..range.end;
            self.scan(&scan, &range, deadline, &mut |step| {
                if let Step::Spans(spans) = step {
                    look(spans);
                }
                ControlFlow::Continue(())
            })
            .map(drop)
        };
        let result = visit();
        self.is_done(result)
    }

    fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        deadline: &Deadline,
        look: &mut dyn FnMut(SpanRef<'_>) -> ControlFlow<()>,
    ) -> bool {
        let mut select = || {
            let layout = self.clickhouse.layout(deadline)?;
            let conditions = self.conditions(filter, layout, deadline)?;
            let of_conditions = filter.conditions.iter().map(|condition| &condition.field);
            let fields: Vec<Field> = of_conditions.chain(fields).cloned().collect();
            let scan = Scan { layout, conditions, needs: Needs::Fields(&fields), at_a_time: OF_A_BLOCK };
            self.scan(&scan, &filter.start_ns, deadline, &mut |step| match step {
                Step::Before(_) => ControlFlow::Continue(()),
                Step::Spans(spans) => {
                    spans.iter().filter(|span| filter.matches(*span)).try_for_each(&mut *look)
                }
            })
            .map(drop)
        };
        let result = select();
        self.is_done(result)
    }

    fn operations(&self, found: &mut BTreeSet<Operation>, deadline: &Deadline) -> bool {
        let mut complete = true;
        let mut operations = || {
            let sql = format!(
                "SELECT ServiceName, SpanName, SpanKind FROM {} GROUP BY ServiceName, SpanName, SpanKind LIMIT {}",
                sql::identifier(&self.clickhouse.client.settings().table),
                MOST_NAMES + 1,
            );
            let rows: Vec<(String, String, String)> = self.clickhouse.client.rows(&sql, deadline)?;
            complete = rows.len() <= MOST_NAMES;
            found.extend(rows.into_iter().map(|(service, name, kind)| Operation {
                service: if service.is_empty() { UNKNOWN_SERVICE.to_owned() } else { service },
                name,
                kind: rows::kind_of(&kind),
            }));
            Ok(())
        };
        let result = operations();
        self.is_done(result) && complete
    }

    fn attribute_names(&self, range: &Range<u64>, found: &mut BTreeSet<String>, deadline: &Deadline) -> bool {
        let mut complete = true;
        let mut names = || {
            let sql = format!(
                "SELECT DISTINCT arrayJoin(mapKeys(SpanAttributes)) FROM {} WHERE {} LIMIT {}",
                sql::identifier(&self.clickhouse.client.settings().table),
                sql::starts_within(range),
                MOST_NAMES + 1,
            );
            let rows: Vec<(String,)> = self.clickhouse.client.rows(&sql, deadline)?;
            complete = rows.len() <= MOST_NAMES;
            found.extend(rows.into_iter().map(|(name,)| name));
            Ok(())
        };
        let result = names();
        self.is_done(result) && complete
    }
}
