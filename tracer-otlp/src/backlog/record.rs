//! One batch in a file: a head that says how long it is and a payload, each with a checksum of its own.
//!
//! Head, 16 bytes, little-endian: length of the payload (u32), spans (u32), CRC-32 of the payload (u32), CRC-32 of the
//! twelve bytes before (u32). The head's own checksum keeps a payload that is damaged from hiding what comes behind it.

use crate::batch::Batch;
use bytes::Bytes;

/// Bytes of a head.
pub(super) const HEAD: usize = 16;
/// Longest payload; a longer one is damage. No receiver takes as much in one request.
pub(super) const LONGEST: usize = 64 << 20;

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    pub(super) spans: u32,
    payload_crc: u32,
}

impl Head {
    /// Reads a head; `None` if it is damaged.
    pub(super) fn parse(bytes: &[u8; HEAD]) -> Option<Head> {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        let is_whole = word(12) == crc32fast::hash(&bytes[..12]) && word(0) as usize <= LONGEST;
        is_whole.then(|| Head { length: word(0), spans: word(4), payload_crc: word(8) })
    }

    /// Bytes of the record, head included.
    pub(super) fn size(&self) -> u64 {
        HEAD as u64 + u64::from(self.length)
    }

    /// The batch, if the payload is the one that was written.
    pub(super) fn batch(&self, payload: Vec<u8>) -> Option<Batch> {
        let is_whole = payload.len() == self.length as usize && crc32fast::hash(&payload) == self.payload_crc;
        is_whole.then(|| Batch { payload: Bytes::from(payload), spans: self.spans })
    }
}

/// Appends the record of a batch.
pub(super) fn write(batch: &Batch, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&(batch.payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&batch.spans.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&batch.payload).to_le_bytes());
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&batch.payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &'static [u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&Batch { payload: Bytes::from_static(payload), spans: 7 }, &mut out);
        out
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = record(b"payload");
        let head = Head::parse(bytes[..HEAD].try_into().unwrap()).unwrap();
        assert_eq!((head.length, head.spans, head.size()), (7, 7, bytes.len() as u64));
        assert_eq!(head.batch(bytes[HEAD..].to_vec()).unwrap().payload, "payload");
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let whole = record(b"payload");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let head = Head::parse(bytes[..HEAD].try_into().unwrap());
            let batch = head.and_then(|head| head.batch(bytes[HEAD..].to_vec()));
            assert!(batch.is_none(), "bit {bit}");
        }
        assert_eq!(Head::parse(&[0; HEAD]), None, "the zeros that a power failure leaves");
    }
}
