//! Databases and caches: their protocols, driven into exchanges.

mod call;
mod cassandra;
mod compressed;
mod dialogue;
mod memcached;
mod mongodb;
mod mysql;
mod postgres;
mod redis;
pub(super) mod render;
mod speech;
mod statement;
mod web;

pub(super) use call::Act;
pub use call::Call;
pub(super) use cassandra::Cassandra;
pub use dialogue::Judgement;
pub(super) use dialogue::{Dialogue, Drive};
pub(super) use memcached::Memcached;
pub(super) use mongodb::Mongodb;
pub(super) use mysql::Mysql;
pub(super) use postgres::Postgres;
pub(super) use redis::Redis;
pub(super) use speech::Speech;
pub(super) use web::asked;
