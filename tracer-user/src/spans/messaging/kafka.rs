//! Messages of Kafka: a produce request publishes, a fetch that brings something receives. What else clients ask is no span.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use foldhash::fast::RandomState;
use tracer_protocols::{
    context::{Carried, HeaderLines},
    contract::{Follows, Gap, Side, Step},
    kafka::{self, Batch, Request, Requests, Response, Responses, Unpacker, api},
};

use super::{
    super::both_ways::both_ways,
    act::{Act, Key, Outcome},
    message::{Message, Offsets, Operation},
    reading::{Contexts, Reading},
    talk::Talk,
};

/// Requests of a connection whose responses are awaited.
const MAX_ASKED: usize = 1024;
/// Partitions of a connection whose positions are remembered.
const MAX_PARTITIONS: usize = 1024;
/// Batches of one response, or partitions of one request, that make identities.
const MAX_OFFSETS: usize = 32;
/// Messages of one request or response whose headers are read.
const MAX_READ: u32 = 256;

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Kafka {
    requests: Requests,
    responses: Responses,
    meaning: Meaning,
}

/// What the messages have meant so far.
#[derive(Debug, Default)]
struct Meaning {
    asked: BTreeMap<i32, Asked>,
    client: Option<Arc<str>>,
    /// The first message that is wanted of each partition. What a fetch does not name is as before (KIP-227).
    wanted: HashMap<(Arc<str>, i32), i64, RandomState>,
    lines: HeaderLines,
    unpacker: Unpacker,
}

/// A request whose response is awaited.
#[derive(Debug)]
struct Asked {
    api: i16,
    version: i16,
    /// Messages that were published, by partition.
    published: Vec<(Arc<str>, i32, u32)>,
}

impl Talk for Kafka {
    fn step(
        &mut self,
        side: Side,
        bytes: &[u8],
        follows: Follows,
        reading: &mut Reading<'_>,
        acts: &mut Vec<Act>,
    ) -> Step<()> {
        match side {
            Side::Request => self
                .requests
                .step(bytes, follows)
                .map(|request| self.meaning.request(&request, reading, acts)),
            Side::Response => self
                .responses
                .step(bytes, follows)
                .map(|response| self.meaning.response(&response, reading, acts)),
        }
    }

    both_ways!(requests, responses);
}

impl Meaning {
    fn request(&mut self, request: &Request<'_>, reading: &mut Reading<'_>, acts: &mut Vec<Act>) {
        self.keep_client(request.client);
        let mut asked = Asked { api: request.api, version: request.version, published: Vec::new() };
        match request.api {
            api::PRODUCE => {
                let (message, carried, answered) = self.produce(request, &mut asked, reading);
                let key = answered.then_some(Key::Correlation(request.correlation));
                acts.push(Act::Open { message, carried, key });
                if !answered {
                    return;
                }
            }
            api::FETCH => {
                kafka::wanted(request, |wanted| {
                    let Some(topic) = reading.topics.name(wanted.topic) else { return };
                    let partition = (topic, wanted.partition);
                    if self.wanted.len() < MAX_PARTITIONS || self.wanted.contains_key(&partition) {
                        self.wanted.insert(partition, wanted.offset);
                    }
                });
                acts.push(Act::Ask(Key::Correlation(request.correlation)));
            }
            _ => {
                if let (Some(group), Some(client)) = (request.group(), &self.client) {
                    reading.topics.join(reading.tgid, client, group);
                }
            }
        }
        if self.asked.len() >= MAX_ASKED {
            self.asked.pop_first();
        }
        self.asked.insert(request.correlation, asked);
    }

    fn keep_client(&mut self, client: &[u8]) {
        if !client.is_empty() && self.client.as_ref().is_none_or(|known| known.as_bytes() != client) {
            self.client = Some(String::from_utf8_lossy(client).into());
        }
    }

    /// What a request publishes, and whether it is answered.
    fn produce(
        &mut self,
        request: &Request<'_>,
        asked: &mut Asked,
        reading: &mut Reading<'_>,
    ) -> (Box<Message>, Option<Carried>, bool) {
        let mut taken = Taken::default();
        let answered = kafka::produced(request, |produced| {
            let before = taken.count;
            let topic = taken.partition(reading.topics.name(produced.topic), produced.partition);
            for batch in kafka::batches(produced.records) {
                self.take(&batch, i64::MIN, &mut taken, reading);
            }
            if let Some(topic) = topic
                && asked.published.len() < MAX_OFFSETS
            {
                asked.published.push((topic, produced.partition, taken.count - before));
            }
        });
        let mut message = Message::new("kafka", "send", Operation::Send);
        let carried = self.describe(&mut message, taken);
        (Box::new(message), carried, answered)
    }

    fn response(&mut self, response: &Response<'_>, reading: &mut Reading<'_>, acts: &mut Vec<Act>) {
        let Some(asked) = self.asked.remove(&response.correlation) else { return };
        acts.push(Act::Confirm);
        let key = Key::Correlation(response.correlation);
        match asked.api {
            api::PRODUCE => acts.push(Act::Close(key, acknowledged(&asked, response.body, reading))),
            api::FETCH => acts.push(match self.fetch(asked.version, response.body, reading) {
                Some((message, carried)) => Act::Tell { message, carried, key },
                None => Act::Forget(key),
            }),
            api::METADATA => {
                kafka::topic_names(asked.version, response.body, |id, name| reading.topics.learn(id, name));
            }
            _ => {}
        }
    }

    /// What a response brings; `None` for nothing.
    fn fetch(
        &mut self,
        version: i16,
        response: &[u8],
        reading: &mut Reading<'_>,
    ) -> Option<(Box<Message>, Option<Carried>)> {
        let mut taken = Taken::default();
        let mut message = Message::new("kafka", "poll", Operation::Receive);
        kafka::fetched(version, response, |fetched| {
            if fetched.error == 0 && fetched.records.is_empty() {
                return;
            }
            let topic = taken.partition(reading.topics.name(fetched.topic), fetched.partition);
            if fetched.error != 0 {
                message.error.get_or_insert_with(|| error(fetched.error));
            }
            let partition = topic.map(|topic| (topic, fetched.partition));
            let from = partition.as_ref().and_then(|partition| self.wanted.get(partition)).copied();
            let from = from.unwrap_or(i64::MIN);
            for batch in kafka::batches(fetched.records) {
                // Of a batch, what is before the wanted message is thrown away.
                let first = batch.first_offset.max(from);
                if batch.last_offset < first {
                    continue;
                }
                self.take(&batch, first, &mut taken, reading);
                if let Some((topic, partition)) = &partition
                    && message.received.len() < MAX_OFFSETS
                {
                    message.received.push(Offsets {
                        topic: topic.clone(),
                        partition: *partition,
                        first,
                        last: batch.last_offset,
                    });
                }
            }
        });
        if taken.count == 0 && message.error.is_none() {
            return None;
        }
        if let [only] = &message.received[..]
            && taken.count == 1
            && only.first == only.last
        {
            message.offset = Some(only.first);
        }
        let carried = self.describe(&mut message, taken);
        message.group = self.client.as_ref().and_then(|client| reading.topics.group(reading.tgid, client));
        Some((Box::new(message), carried))
    }

    /// Counts the messages of a batch from offset `first` on, and reads their headers.
    fn take(&mut self, batch: &Batch<'_>, first: i64, taken: &mut Taken, reading: &Reading<'_>) {
        let passed = first.saturating_sub(batch.first_offset).max(0);
        taken.count += u32::try_from(i64::from(batch.count) - passed).unwrap_or(0);
        let Some(codec) = batch.codec else { return };
        let records = self.unpacker.unpack(codec, batch.records);
        for record in kafka::records(records).filter(|record| record.offset >= passed) {
            if taken.read >= MAX_READ {
                return;
            }
            taken.read += 1;
            taken.bytes = record.value_bytes;
            taken.contexts.add(reading.context(&mut self.lines, record.headers()));
        }
    }

    /// What several partitions have in common.
    fn describe(&self, message: &mut Message, taken: Taken) -> Option<Carried> {
        message.has_server = true;
        message.client.clone_from(&self.client);
        message.destination = taken.topic.filter(|_| !taken.several_topics);
        if !taken.several_partitions && !taken.several_topics {
            message.partition = taken.partition;
        }
        message.count = Some(taken.count);
        if taken.count == 1 && taken.read == 1 {
            message.body_bytes = Some(taken.bytes);
        }
        taken.contexts.settle(taken.count, message)
    }
}

/// Messages of one request or response.
#[derive(Debug, Default)]
struct Taken {
    count: u32,
    /// Those whose headers were read.
    read: u32,
    /// The value of the one that was read last.
    bytes: u64,
    topic: Option<Arc<str>>,
    partition: Option<i32>,
    several_topics: bool,
    several_partitions: bool,
    contexts: Contexts,
}

impl Taken {
    /// Notes a partition; hands the topic back.
    fn partition(&mut self, topic: Option<Arc<str>>, partition: i32) -> Option<Arc<str>> {
        self.several_topics |= self.partition.is_some() && self.topic != topic;
        self.several_partitions |= self.partition.is_some_and(|known| known != partition);
        self.partition = Some(partition);
        self.topic.clone_from(&topic);
        topic
    }
}

/// What became of what was published.
fn acknowledged(asked: &Asked, response: &[u8], reading: &mut Reading<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    kafka::acknowledged(asked.version, response, |acknowledged| {
        if acknowledged.error != 0 {
            outcome.error.get_or_insert_with(|| error(acknowledged.error));
            return;
        }
        let Some(topic) = reading.topics.name(acknowledged.topic) else { return };
        let is_it = |(name, partition, _): &&(Arc<str>, i32, u32)| {
            *name == topic && *partition == acknowledged.partition
        };
        let (Some((.., count @ 1..)), 0..) = (asked.published.iter().find(is_it), acknowledged.offset) else {
            return;
        };
        outcome.published.push(Offsets {
            topic,
            partition: acknowledged.partition,
            first: acknowledged.offset,
            last: acknowledged.offset.saturating_add(i64::from(*count) - 1),
        });
    });
    outcome
}

/// The name of an error ("Kafka protocol guide", "Error Codes"), of those that clients of topics meet; of others the number.
fn error(code: i16) -> Box<str> {
    let name = match code {
        -1 => "UNKNOWN_SERVER_ERROR",
        1 => "OFFSET_OUT_OF_RANGE",
        2 => "CORRUPT_MESSAGE",
        3 => "UNKNOWN_TOPIC_OR_PARTITION",
        5 => "LEADER_NOT_AVAILABLE",
        6 => "NOT_LEADER_OR_FOLLOWER",
        7 => "REQUEST_TIMED_OUT",
        10 => "MESSAGE_TOO_LARGE",
        17 => "INVALID_TOPIC_EXCEPTION",
        18 => "RECORD_LIST_TOO_LARGE",
        19 => "NOT_ENOUGH_REPLICAS",
        20 => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        21 => "INVALID_REQUIRED_ACKS",
        29 => "TOPIC_AUTHORIZATION_FAILED",
        45 => "OUT_OF_ORDER_SEQUENCE_NUMBER",
        56 => "KAFKA_STORAGE_ERROR",
        70 => "FETCH_SESSION_ID_NOT_FOUND",
        71 => "INVALID_FETCH_SESSION_EPOCH",
        87 => "INVALID_RECORD",
        100 => "UNKNOWN_TOPIC_ID",
        code => return code.to_string().into(),
    };
    name.into()
}
