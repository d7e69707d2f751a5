//! Stage 5: messages become exchanges, exchanges become spans.

mod conversation;
pub mod database;
pub mod exchange;
mod flight;
mod grpc;
pub mod headers;
mod http1;
mod http2;
pub mod messaging;
pub mod render;
mod request;
pub mod routes;
pub mod span;
mod streams;

pub(crate) use conversation::{Conversation, Drive};
