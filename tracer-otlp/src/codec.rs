//! Messages of gRPC calls that are passed through as bytes on one side at least: batches that are protobuf already, requests whose very
//! bytes are kept.

use std::marker::PhantomData;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A message that is sent.
pub trait Sent: Send + 'static {
    /// Writes it.
    fn write(self, buffer: &mut EncodeBuf<'_>) -> Result<(), Status>;
}

/// A message that comes.
pub trait Received: Send + Sized + 'static {
    /// Reads it, to its end.
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status>;
}

/// Protobuf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protobuf<M>(pub M);

/// The codec of calls that send `S` and receive `R`.
pub struct Messages<S, R>(PhantomData<(S, R)>);

impl Sent for Bytes {
    fn write(self, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(self);
        Ok(())
    }
}

impl Received for Bytes {
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        Ok(buffer.copy_to_bytes(buffer.remaining()))
    }
}

impl<M: Message + 'static> Sent for Protobuf<M> {
    fn write(self, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        self.0.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<S, R> Default for Messages<S, R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<S: Sent, R: Received> Codec for Messages<S, R> {
    type Encode = S;
    type Decode = R;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<S: Sent, R> Encoder for Messages<S, R> {
    type Item = S;
    type Error = Status;

    fn encode(&mut self, message: S, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.write(buffer)
    }
}

impl<S, R: Received> Decoder for Messages<S, R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        R::read(buffer).map(Some)
    }
}
