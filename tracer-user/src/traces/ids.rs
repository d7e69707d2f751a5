//! Trace, span and exchange ids.

use rand::{
    Rng, RngExt, SeedableRng,
    rngs::{SmallRng, SysRng},
};

use crate::{
    clock::{WallClock, monotonic_ns},
    spans::{
        exchange::ExchangeId,
        span::{SpanId, TraceId},
    },
};

/// Gives out ids. Seedable, so that a replay gives the same ones.
#[derive(Debug)]
pub struct Ids {
    random: SmallRng,
    last_exchange: ExchangeId,
}

impl Ids {
    /// Ids that nobody can foresee.
    pub fn random() -> Self {
        let random = SmallRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| {
            // No getrandom(2): the moment does not repeat on a host.
            SmallRng::seed_from_u64(WallClock::now().wall_ns(monotonic_ns()))
        });
        Self { random, last_exchange: 0 }
    }

    /// The same ids for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), last_exchange: 0 }
    }

    /// The next exchange id.
    pub fn exchange(&mut self) -> ExchangeId {
        self.last_exchange += 1;
        self.last_exchange
    }

    /// A span id: not zero (W3C trace context section 3.2.2.4).
    pub fn span(&mut self) -> SpanId {
        self.random.random_range(1..=u64::MAX).to_be_bytes()
    }

    /// A trace id with all bits random, so that the W3C random flag may be set.
    pub fn trace(&mut self) -> TraceId {
        let mut id = [0; 16];
        self.random.fill_bytes(&mut id);
        id[15] |= u8::from(id == [0; 16]);
        id
    }
}
