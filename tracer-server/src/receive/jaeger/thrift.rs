//! Jaeger's batch in Thrift's binary protocol (Apache Thrift, doc/specs/thrift-binary-protocol.md; jaeger-idl, thrift/jaeger.thrift).

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

use super::{
    super::foreign::nanoseconds,
    model::{Batch, Log, Reference, Span},
};

/// Why bytes are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ThriftError {
    #[error("it ends in the middle of a value")]
    Short,
    #[error("the type {0} is not one of Thrift's binary protocol")]
    Type(u8),
    #[error("values lie too deep in one another")]
    Deep,
    #[error("a length is negative, or larger than what follows")]
    Length,
    #[error("it has neither a process nor spans")]
    Empty,
}

/// How deep values may lie in one another in fields that are passed over.
const DEPTH: usize = 16;

/// Types of the protocol.
mod types {
    pub(super) const STOP: u8 = 0;
    pub(super) const BOOL: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const DOUBLE: u8 = 4;
    pub(super) const I16: u8 = 6;
    pub(super) const I32: u8 = 8;
    pub(super) const I64: u8 = 10;
    pub(super) const STRING: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
    pub(super) const MAP: u8 = 13;
    pub(super) const SET: u8 = 14;
    pub(super) const LIST: u8 = 15;
}

/// Reads a `Batch`.
pub(super) fn read_batch(bytes: &[u8]) -> Result<Batch, ThriftError> {
    let mut batch = Batch::default();
    let mut is_batch = false;
    Reader { bytes }.fields(|reader, id, of| {
        match (id, of) {
            (1, types::STRUCT) => {
                is_batch = true;
                reader.fields(|reader, id, of| {
                    match (id, of) {
                        (1, types::STRING) => batch.service = reader.text()?,
                        (2, types::LIST) => batch.tags = reader.structs(tag)?.into_iter().flatten().collect(),
                        _ => reader.skip(of, DEPTH)?,
                    }
                    Ok(())
                })?;
            }
            (2, types::LIST) => {
                is_batch = true;
                batch.spans = reader.structs(span)?;
            }
            _ => reader.skip(of, DEPTH)?,
        }
        Ok(())
    })?;
    if is_batch { Ok(batch) } else { Err(ThriftError::Empty) }
}

fn span(reader: &mut Reader<'_>) -> Result<Span, ThriftError> {
    let mut span = Span::default();
    reader.fields(|reader, id, of| {
        match (id, of) {
            (1, types::I64) => span.trace_id[8..].copy_from_slice(&reader.array::<8>()?),
            (2, types::I64) => span.trace_id[..8].copy_from_slice(&reader.array::<8>()?),
            (3, types::I64) => span.id = reader.array()?,
            (4, types::I64) => span.parent_id = reader.array()?,
            (5, types::STRING) => span.name = reader.text()?,
            (6, types::LIST) => span.references = reader.structs(reference)?,
            (7, types::I32) => span.flags = u32::from_be_bytes(reader.array()?),
            (8, types::I64) => span.start_ns = nanoseconds(reader.i64()?),
            (9, types::I64) => span.duration_ns = nanoseconds(reader.i64()?),
            (10, types::LIST) => span.tags = reader.structs(tag)?.into_iter().flatten().collect(),
            (11, types::LIST) => span.logs = reader.structs(log)?,
            _ => reader.skip(of, DEPTH)?,
        }
        Ok(())
    })?;
    Ok(span)
}

fn reference(reader: &mut Reader<'_>) -> Result<Reference, ThriftError> {
    let mut reference = Reference::default();
    reader.fields(|reader, id, of| {
        match (id, of) {
            (1, types::I32) => reference.follows = reader.array::<4>()? != [0; 4],
            (2, types::I64) => reference.trace_id[8..].copy_from_slice(&reader.array::<8>()?),
            (3, types::I64) => reference.trace_id[..8].copy_from_slice(&reader.array::<8>()?),
            (4, types::I64) => reference.span_id = reader.array()?,
            _ => reader.skip(of, DEPTH)?,
        }
        Ok(())
    })?;
    Ok(reference)
}

fn log(reader: &mut Reader<'_>) -> Result<Log, ThriftError> {
    let mut log = Log::default();
    reader.fields(|reader, id, of| {
        match (id, of) {
            (1, types::I64) => log.time_ns = nanoseconds(reader.i64()?),
            (2, types::LIST) => log.fields = reader.structs(tag)?.into_iter().flatten().collect(),
            _ => reader.skip(of, DEPTH)?,
        }
        Ok(())
    })?;
    Ok(log)
}

/// A tag; none for one without a value.
fn tag(reader: &mut Reader<'_>) -> Result<Option<(String, Any)>, ThriftError> {
    let mut key = String::new();
    let mut value = None;
    reader.fields(|reader, id, of| {
        match (id, of) {
            (1, types::STRING) => key = reader.text()?,
            (3, types::STRING) => value = Some(Any::StringValue(reader.text()?)),
            (4, types::DOUBLE) => value = Some(Any::DoubleValue(f64::from_be_bytes(reader.array()?))),
            (5, types::BOOL) => value = Some(Any::BoolValue(reader.array::<1>()? != [0])),
            (6, types::I64) => value = Some(Any::IntValue(reader.i64()?)),
            (7, types::STRING) => value = Some(Any::BytesValue(reader.binary()?.to_vec())),
            _ => reader.skip(of, DEPTH)?,
        }
        Ok(())
    })?;
    Ok(value.map(|value| (key, value)))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ThriftError> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or(ThriftError::Short)?;
        self.bytes = rest;
        Ok(*array)
    }

    fn i64(&mut self) -> Result<i64, ThriftError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A length of things that take at least so many bytes each.
    fn length(&mut self, least: usize) -> Result<usize, ThriftError> {
        let length = usize::try_from(i32::from_be_bytes(self.array()?)).map_err(|_| ThriftError::Length)?;
        if length.saturating_mul(least) > self.bytes.len() { Err(ThriftError::Length) } else { Ok(length) }
    }

    fn binary(&mut self) -> Result<&'a [u8], ThriftError> {
        let length = self.length(1)?;
        let (binary, rest) = self.bytes.split_at_checked(length).ok_or(ThriftError::Short)?;
        self.bytes = rest;
        Ok(binary)
    }

    fn text(&mut self) -> Result<String, ThriftError> {
        Ok(String::from_utf8_lossy(self.binary()?).into_owned())
    }

    /// The fields of a struct, each to be read or passed over by `read`, which gets its id and its type.
    fn fields(
        &mut self,
        mut read: impl FnMut(&mut Self, i16, u8) -> Result<(), ThriftError>,
    ) -> Result<(), ThriftError> {
        loop {
            let [of] = self.array()?;
            if of == types::STOP {
                return Ok(());
            }
            let id = i16::from_be_bytes(self.array()?);
            read(self, id, of)?;
        }
    }

    /// A list of structs; one of anything else is taken for damaged.
    fn structs<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, ThriftError>,
    ) -> Result<Vec<T>, ThriftError> {
        let [of] = self.array()?;
        let length = self.length(1)?;
        if of != types::STRUCT && length > 0 {
            return Err(ThriftError::Type(of));
        }
        // Grows with what is there, not with what is claimed: a struct in memory is larger than its least form.
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn skip(&mut self, of: u8, depth: usize) -> Result<(), ThriftError> {
        if depth == 0 {
            return Err(ThriftError::Deep);
        }
        match of {
            types::BOOL | types::BYTE => self.array::<1>().map(drop),
            types::I16 => self.array::<2>().map(drop),
            types::I32 => self.array::<4>().map(drop),
            types::I64 | types::DOUBLE => self.array::<8>().map(drop),
            types::STRING => self.binary().map(drop),
            types::STRUCT => self.fields(|reader, _, of| reader.skip(of, depth - 1)),
            types::LIST | types::SET => {
                let [of] = self.array()?;
                for _ in 0..self.length(1)? {
                    self.skip(of, depth - 1)?;
                }
                Ok(())
            }
            types::MAP => {
                let [key, value] = self.array()?;
                for _ in 0..self.length(2)? {
                    self.skip(key, depth - 1)?;
                    self.skip(value, depth - 1)?;
                }
                Ok(())
            }
            other => Err(ThriftError::Type(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As OpenTelemetry's exporter for Python sends it.
    const RECORDED: &[u8] = include_bytes!("../../../tests/server/data/jaeger-thrift.bin");

    #[test]
    fn a_recorded_batch_is_read() {
        let batch = read_batch(RECORDED).expect("a batch");
        assert_eq!((batch.service.as_str(), batch.spans.len()), ("shop", 2));
        let span = &batch.spans[0];
        assert_eq!((span.name.as_str(), span.duration_ns), ("call", 30_000_000));
        assert_eq!(u128::from_be_bytes(span.trace_id), 0xa1a2_a3a4_a5a6_a7a8_b1b2_b3b4_b5b6_b7b8);
    }

    #[test]
    fn what_is_cut_off_or_nested_is_an_error() {
        for end in 0..RECORDED.len() {
            assert!(read_batch(&RECORDED[..end]).is_err(), "{end}");
        }
        let mut nested = [types::STRUCT, 0, 9].repeat(1000);
        nested.push(types::STOP);
        assert_eq!(read_batch(&nested).err(), Some(ThriftError::Deep));
        assert_eq!(
            read_batch(&[types::LIST, 0, 2, types::STRUCT, 0x7f, 0xff, 0xff, 0xff]).err(),
            Some(ThriftError::Length)
        );
        assert_eq!(read_batch(&[types::STOP]).err(), Some(ThriftError::Empty));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(changes in prop::collection::vec((0..RECORDED.len(), any::<u8>()), 1..8)) {
            let mut bytes = RECORDED.to_vec();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            let _ = read_batch(&bytes);
        }
    }
}
