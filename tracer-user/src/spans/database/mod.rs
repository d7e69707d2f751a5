//! Databases and caches: their protocols, driven into exchanges.

mod call;
mod dialogue;
mod postgres;
mod redis;
pub(super) mod render;
mod speech;
mod statement;
mod web;

pub(super) use call::Act;
pub use call::Call;
pub use dialogue::Judgement;
pub(super) use dialogue::{Dialogue, Drive};
pub(super) use postgres::Postgres;
pub(super) use redis::Redis;
pub(super) use speech::Speech;
pub(super) use web::asked;
