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
    xray: bool,
}

impl Ids {
    /// Ids that nobody can foresee.
    pub fn random() -> Self {
        let random = SmallRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| {
            // No getrandom(2): the moment does not repeat on a host.
            SmallRng::seed_from_u64(WallClock::now().wall_ns(monotonic_ns()))
        });
        Self { random, last_exchange: 0, xray: false }
    }

    /// The same ids for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), last_exchange: 0, xray: false }
    }

    /// With trace ids that begin with the time if `xray`: 32 bits of seconds since the Unix epoch, then 96 random ones (AWS X-Ray developer guide,
    /// "Trace ID format"). The W3C random flag stays true of them: it is about the last 56 bits.
    #[must_use]
    pub fn with_xray(mut self, xray: bool) -> Self {
        self.xray = xray;
        self
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

    /// A trace id with all bits random, or all but the first 32, so that the W3C random flag may be set.
    pub fn trace(&mut self) -> TraceId {
        let mut id = [0; 16];
        self.random.fill_bytes(&mut id);
        if self.xray {
            let seconds = WallClock::now().wall_ns(monotonic_ns()) / 1_000_000_000;
            id[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
        }
        id[15] |= u8::from(id == [0; 16]);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_xray_begin_with_the_time() {
        let mut ids = Ids::random().with_xray(true);
        let (one, two) = (ids.trace(), ids.trace());
        let now = WallClock::now().wall_ns(monotonic_ns()) / 1_000_000_000;
        let [a, b, c, d, ..] = one;
        assert!(now.abs_diff(u32::from_be_bytes([a, b, c, d]).into()) < 3600);
        assert_ne!(one[4..], two[4..]);
    }
}
