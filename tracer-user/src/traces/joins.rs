//! Both ends of one socket on this host: the same request seen twice.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
};

use foldhash::fast::RandomState;

use crate::{
    connections::Ends,
    spans::{
        exchange::{Exchange, ExchangeId},
        span::{Evidence, SpanKind},
    },
};

/// Requests that wait at a time, at most: as many as may be open or remembered, see `correlate`.
const MAX_WAITING: usize = 160_000;
/// Addresses of this host and its containers that are remembered.
const MAX_CALLERS: usize = 4096;

/// A request's identity on its connection, the same from both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Tcp { client: (IpAddr, u16), server: (IpAddr, u16), position: u32 },
    Unix { client: u64, server: u64, position: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    exchange: ExchangeId,
    kind: SpanKind,
}

/// Requests of which one end was seen.
#[derive(Debug, Default)]
pub(super) struct Joins {
    waiting: HashMap<Key, Waiting, RandomState>,
    /// Addresses that calls were made from on this host, in whatever network namespace.
    callers: HashSet<IpAddr, RandomState>,
    /// One of `callers`.
    last_caller: Option<IpAddr>,
}

/// A pair of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// The other end.
    pub(super) other: ExchangeId,
    /// How they were matched.
    pub(super) evidence: Evidence,
}

impl Joins {
    /// Looks for the other end of `exchange`; if it was not seen yet, remembers this one.
    pub(super) fn find(&mut self, exchange: &Exchange, ends: &Ends) -> Option<Joined> {
        let key = key(exchange, ends)?;
        if let (SpanKind::Client, Key::Tcp { client, .. }) = (exchange.kind, key) {
            self.called_from(client.0);
        }
        let full = self.waiting.len() >= MAX_WAITING;
        let waiting = Waiting { exchange: exchange.id, kind: exchange.kind };
        match self.waiting.entry(key) {
            Entry::Occupied(other) if other.get().kind != exchange.kind => {
                let evidence = match key {
                    Key::Tcp { .. } => Evidence::TcpSeq,
                    Key::Unix { .. } => Evidence::Socket,
                };
                return Some(Joined { other: other.remove().exchange, evidence });
            }
            _ if full => {}
            Entry::Occupied(mut same) => {
                same.insert(waiting);
            }
            Entry::Vacant(free) => {
                free.insert(waiting);
            }
        }
        None
    }

    fn called_from(&mut self, address: IpAddr) {
        // Mostly that of the call before.
        if self.last_caller != Some(address) && self.callers.len() < MAX_CALLERS {
            self.callers.insert(address);
            self.last_caller = Some(address);
        }
    }

    /// Forgets an end that is no longer worth joining.
    pub(super) fn forget(&mut self, exchange: &Exchange, ends: &Ends) {
        if let Some(key) = key(exchange, ends) {
            self.forget_key(key, exchange.id);
        }
    }

    /// As [`Self::forget`], by what [`Self::key_of_waiting`] gave.
    pub(super) fn forget_key(&mut self, key: Key, exchange: ExchangeId) {
        if self.waiting.get(&key).is_some_and(|waiting| waiting.exchange == exchange) {
            self.waiting.remove(&key);
        }
    }

    /// The key under which an end waits, if it does.
    pub(super) fn key_of_waiting(&self, exchange: &Exchange, ends: &Ends) -> Option<Key> {
        let key = key(exchange, ends)?;
        self.waiting.get(&key).is_some_and(|waiting| waiting.exchange == exchange.id).then_some(key)
    }

    /// Whether the client may be on this host, so that its end may still turn up.
    pub(super) fn may_come_from_here(&self, key: &Key) -> bool {
        match key {
            Key::Tcp { client, server, .. } => {
                client.0 == server.0 || client.0.is_loopback() || self.callers.contains(&client.0)
            }
            Key::Unix { .. } => true,
        }
    }

    /// Forgets ends of which `known` says that nothing is left.
    pub(super) fn sweep(&mut self, known: impl Fn(ExchangeId) -> bool) {
        self.waiting.retain(|_, waiting| known(waiting.exchange));
    }
}

fn key(exchange: &Exchange, ends: &Ends) -> Option<Key> {
    let position = exchange.position;
    let client = exchange.kind == SpanKind::Client;
    match ends {
        Ends::Inet { local, peer, .. } => {
            let (local, peer) = ((local.address, local.port), (peer.address, peer.port));
            let (client, server) = if client { (local, peer) } else { (peer, local) };
            Some(Key::Tcp { client, server, position })
        }
        &Ends::Unix { local, peer, .. } if peer != 0 && exchange.from_start => {
            let (client, server) = if client { (local, peer) } else { (peer, local) };
            Some(Key::Unix { client, server, position })
        }
        Ends::Unix { .. } | Ends::Unknown => None,
    }
}
