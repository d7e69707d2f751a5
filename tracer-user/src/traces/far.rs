//! Ids that both ends of a TCP connection can tell, each for itself, on whatever host it is.
//!
//! Where a request carries no trace context, its SERVER span takes the ids that follow from the addresses, the ports and the sequence number
//! of the request's first byte. The CLIENT span, whose other end is on another host, links to them. What translates
//! addresses or numbers in between makes the two ends disagree, and then the link leads nowhere.

use std::net::IpAddr;

use crate::{
    connections::Ends,
    spans::span::{Evidence, Link, SpanKind},
};

/// What the ids are made of. They are part of what daemons of different versions agree on: never to be changed.
const SEEDS: [u64; 3] = [0x7472_6163_6572_2e30, 0x7472_6163_6572_2e31, 0x7472_6163_6572_2e32];

/// The ids of the SERVER span of a request that begins at `position`; `None` where the ends of the connection cannot know each other's numbers: on unix
/// sockets, inside of TLS (where positions are counted from 0 on each connection), and where the connection's description was lost.
pub(crate) fn server_of(kind: SpanKind, ends: &Ends, position: u32, secure: bool) -> Option<Link> {
    let Ends::Inet { local, peer, .. } = ends else { return None };
    if secure {
        return None;
    }
    let (client, server) = if kind == SpanKind::Client { (local, peer) } else { (peer, local) };
    let (from, to) = (number(client.address), number(server.address));
    let words = [
        (from >> 64) as u64,
        from as u64,
        (to >> 64) as u64,
        to as u64,
        u64::from(client.port) << 48 | u64::from(server.port) << 32 | u64::from(position),
    ];
    let [high, low, span] = SEEDS.map(|seed| words.iter().fold(seed, |hash, word| mix(hash ^ word)));
    let mut trace_id = [0; 16];
    trace_id[..8].copy_from_slice(&high.to_be_bytes());
    // Never zero, as ids must not be.
    trace_id[8..].copy_from_slice(&low.max(1).to_be_bytes());
    Some(Link { trace_id, span_id: span.max(1).to_be_bytes(), evidence: Evidence::TcpSeq })
}

/// As [`server_of`], for a CLIENT span whose other end is on another host.
pub(crate) fn elsewhere(ends: &Ends, position: u32, secure: bool) -> Option<Link> {
    match ends {
        Ends::Inet { local, peer, .. } if !peer.address.is_loopback() && peer.address != local.address => {
            server_of(SpanKind::Client, ends, position, secure)
        }
        _ => None,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The output function of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::connections::End;

    fn end(address: &str, port: u16) -> End {
        let address: IpAddr = address.parse().unwrap();
        End { address, port, text: address.to_string().into(), name: None }
    }

    fn ends(local: End, peer: End) -> Ends {
        Ends::Inet { local, peer, net: 1 }
    }

    fn one_way() -> Ends {
        ends(end("10.0.0.1", 40_000), end("10.0.0.2", 80))
    }

    #[test]
    fn both_ends_tell_the_same() {
        let back = ends(end("10.0.0.2", 80), end("10.0.0.1", 40_000));
        let here = elsewhere(&one_way(), 7, false);
        assert!(here.is_some());
        assert_eq!(here, server_of(SpanKind::Server, &back, 7, false));
    }

    /// Daemons of other versions tell these very ids.
    #[test]
    fn the_ids_stay_as_they_are() {
        let link = elsewhere(&one_way(), 7, false).unwrap();
        assert_eq!(u128::from_be_bytes(link.trace_id), 0x4e8b_f890_de4e_a3c8_dc5d_ad3e_e4ca_952f);
        assert_eq!(u64::from_be_bytes(link.span_id), 0x125c_12b5_1d0d_a9af);
    }

    #[test]
    fn whatever_differs_makes_other_ids() {
        let mut seen = HashSet::new();
        for (from, to) in [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("fd00::1", "fd00::2")] {
            for (client, server) in [(40_000, 80), (40_001, 80), (80, 40_000)] {
                for position in 0..50 {
                    let link = elsewhere(&ends(end(from, client), end(to, server)), position, false).unwrap();
                    assert!(seen.insert(link.span_id));
                    assert!(seen.insert(link.trace_id[..8].try_into().unwrap()));
                    assert!(seen.insert(link.trace_id[8..].try_into().unwrap()));
                }
            }
        }
    }

    #[test]
    fn the_same_host_and_other_sockets_have_none() {
        let same = ends(end("10.0.0.1", 40_000), end("10.0.0.1", 80));
        let loopback = ends(end("127.0.0.1", 40_000), end("127.0.0.2", 80));
        assert_eq!(elsewhere(&same, 7, false), None);
        assert_eq!(elsewhere(&loopback, 7, false), None);
        assert_eq!(elsewhere(&one_way(), 7, true), None);
        assert_eq!(elsewhere(&Ends::Unknown, 7, false), None);
    }
}
