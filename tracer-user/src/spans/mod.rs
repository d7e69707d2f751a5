//! Stage 5: messages become exchanges, exchanges become spans.

mod both_ways;
mod connects;
mod conversation;
pub mod database;
mod dns;
pub mod exchange;
mod fastcgi;
mod flight;
mod grpc;
pub mod headers;
mod http1;
mod http2;
pub mod messaging;
pub mod network;
pub mod render;
mod request;
pub mod routes;
pub mod span;
mod streams;

pub(crate) use connects::Connects;
pub(crate) use conversation::{Conversation, Drive};
