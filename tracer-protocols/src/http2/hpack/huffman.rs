//! The Huffman code of RFC 7541, appendix B. The code is canonical: the lengths of its words say all.

/// Bits of the code word of each byte, and of the end of string (256).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

const SHORTEST: usize = 5;
const LONGEST: usize = 30;
const END_OF_STRING: u16 = 256;

/// The code by length of word.
struct Code {
    /// Symbols in order of their words.
    symbols: [u16; 257],
    /// For each length: the first word of it, left-aligned in 32 bits.
    first: [u32; LONGEST + 1],
    /// For each length: the place of its first symbol in `symbols`.
    place: [u16; LONGEST + 1],
    /// For each length: the first left-aligned word that is longer. Beyond `u32` for the longest.
    limit: [u64; LONGEST + 1],
}

const CODE: Code = code();

const fn code() -> Code {
    let mut code =
        Code { symbols: [0; 257], first: [0; LONGEST + 1], place: [0; LONGEST + 1], limit: [0; LONGEST + 1] };
    let mut word = 0u64;
    let mut filled = 0;
    let mut length = SHORTEST;
    while length <= LONGEST {
        let shift = 32 - length;
        code.first[length] = (word << shift) as u32;
        code.place[length] = filled as u16;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code.symbols[filled] = symbol as u16;
                filled += 1;
                word += 1;
            }
            symbol += 1;
        }
        code.limit[length] = word << shift;
        word <<= 1;
        length += 1;
    }
    code
}

/// Appends the decoded text to `out`. False where it is malformed (RFC 7541, section 5.2): `out` then holds a part.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    // The next bits, left-aligned, and how many there are.
    let (mut bits, mut count) = (0u64, 0usize);
    let mut rest = bytes.iter();
    loop {
        while count <= 56 {
            let Some(&byte) = rest.next() else { break };
            bits |= u64::from(byte) << (56 - count);
            count += 8;
        }
        if count < SHORTEST {
            return is_padding(bits, count);
        }
        let window = (bits >> 32) as u32;
        let Some(length) = (SHORTEST..=LONGEST).find(|&length| u64::from(window) < CODE.limit[length]) else {
            return false;
        };
        if length > count {
            return is_padding(bits, count);
        }
        let place =
            usize::from(CODE.place[length]) + ((window - CODE.first[length]) >> (32 - length)) as usize;
        match CODE.symbols.get(place) {
            Some(&symbol) if symbol != END_OF_STRING => out.push(symbol as u8),
            _ => return false,
        }
        bits <<= length;
        count -= length;
    }
}

/// Fewer than eight bits, all ones: the front of the end of string.
fn is_padding(bits: u64, count: usize) -> bool {
    count < 8 && bits >> 56 == (0xff00_u64 >> count) & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(hex: &str) -> Option<String> {
        let bytes: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let mut out = Vec::new();
        decode(&bytes, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn examples_of_the_specification() {
        // RFC 7541, appendices C.4 and C.6.
        for (hex, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
            ("", ""),
        ] {
            assert_eq!(decoded(hex).as_deref(), Some(text), "{hex}");
        }
    }

    #[test]
    fn malformed_text() {
        // Padding of zeros, padding of a whole byte, an end of string, a word cut short.
        for hex in ["00", "f1e3c2e5f23a6ba0ab90f4fe", "07ff", "ff", "ffffffff", "fffffffc"] {
            assert_eq!(decoded(hex), None, "{hex}");
        }
    }

    #[test]
    fn the_code_is_complete() {
        assert_eq!(CODE.limit[LONGEST], 1 << 32);
        let mut symbols = CODE.symbols;
        symbols.sort_unstable();
        assert!(symbols.iter().enumerate().all(|(place, &symbol)| place == usize::from(symbol)));
    }
}
