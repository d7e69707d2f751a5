//! Files without symbols, read piece by piece: they may have a hundred megabytes, of which little is of interest.

use std::{fs::File, io, os::unix::fs::FileExt};

use iced_x86::{Decoder, DecoderOptions, Instruction};
use memchr::{memchr_iter, memmem};
use object::{Object, ObjectSection, ReadRef};

/// Bytes that are in memory at a time.
const PIECE: usize = 1 << 20;
/// Longest function that is looked at, bytes.
const MAX_FUNCTION: u64 = 16 << 10;
/// Largest table of functions that is read, bytes.
const MAX_TABLE: u64 = 64 << 20;

/// A part of a file that is mapped into memory.
#[derive(Clone, Copy, Debug)]
struct Section {
    address: u64,
    offset: u64,
    len: u64,
}

/// A file whose functions have no names.
pub(super) struct Stripped<'f> {
    file: &'f File,
    text: Section,
    rodata: Section,
    relocations: Option<Section>,
    /// Where functions begin, in order.
    starts: Vec<u64>,
}

impl<'f> Stripped<'f> {
    /// Finds the parts of a file; `None` where it lacks one of them.
    pub(super) fn of<'a, R: ReadRef<'a>>(elf: &object::File<'a, R>, file: &'f File) -> Option<Self> {
        let section = |name: &str| {
            let section = elf.section_by_name(name)?;
            let (offset, len) = section.file_range()?;
            Some(Section { address: section.address(), offset, len })
        };
        let (text, rodata) = (section(".text")?, section(".rodata")?);
        let table = section(".eh_frame_hdr").filter(|table| table.len <= MAX_TABLE)?;
        let mut bytes = vec![0; usize::try_from(table.len).ok()?];
        file.read_exact_at(&mut bytes, table.offset).ok()?;
        Some(Self {
            file,
            text,
            rodata,
            relocations: section(".rela.dyn"),
            starts: starts(&bytes, table.address)?,
        })
    }

    /// Addresses of a text, with a 0 behind it, among the constants; and where the constant begins of which it is the end.
    pub(super) fn texts(&self, text: &str) -> io::Result<Vec<(u64, u64)>> {
        /// Longest constant that is found whole.
        const LONGEST: usize = 4096;
        let end = [text.as_bytes(), b"\0"].concat();
        let finder = memmem::Finder::new(&end);
        let mut found = Vec::new();
        self.pieces(self.rodata, LONGEST, |address, bytes| {
            for at in finder.find_iter(bytes) {
                let start = memchr::memrchr(0, &bytes[..at]).map_or(0, |before| before + 1);
                found.push((address + at as u64, address + start as u64));
            }
            true
        })?;
        found.dedup_by_key(|&mut (address, _)| address);
        Ok(found)
    }

    /// Functions in which the address `target` is taken, in order.
    pub(super) fn takers(&self, target: u64) -> io::Result<Vec<u64>> {
        /// `lea r64, [rip + disp32]`
        const LEN: usize = 7;
        let mut takers = Vec::new();
        self.pieces(self.text, LEN, |address, bytes| {
            for second in memchr_iter(0x8d, bytes) {
                let Some(at) = second.checked_sub(1) else { continue };
                let Some(&[prefix, _, operands, a, b, c, d]) = bytes[at..].first_chunk::<LEN>() else {
                    continue;
                };
                if prefix & 0xfb != 0x48 || operands & 0xc7 != 5 {
                    continue;
                }
                let distance = i32::from_le_bytes([a, b, c, d]);
                let here = address + at as u64;
                if here.wrapping_add(LEN as u64).wrapping_add_signed(distance.into()) == target {
                    takers.extend(self.start(here));
                }
            }
            true
        })?;
        takers.dedup();
        Ok(takers)
    }

    /// Where the function begins that an address lies in.
    fn start(&self, address: u64) -> Option<u64> {
        let next = self.starts.partition_point(|&start| start <= address);
        Some(self.starts[next.checked_sub(1)?])
    }

    /// Length of the function at an address, with the padding behind it.
    pub(super) fn len(&self, start: u64) -> u64 {
        let next = self.starts.partition_point(|&other| other <= start);
        let end = self.starts.get(next).copied().unwrap_or(self.text.address + self.text.len);
        end.saturating_sub(start).min(MAX_FUNCTION)
    }

    /// The instructions of the function at an address.
    pub(super) fn instructions(&self, start: u64) -> io::Result<Vec<Instruction>> {
        let offset = start.checked_sub(self.text.address).filter(|&offset| offset < self.text.len);
        let Some(offset) = offset else { return Ok(Vec::new()) };
        let mut code = vec![0; self.len(start) as usize];
        self.file.read_exact_at(&mut code, self.text.offset + offset)?;
        Ok(Decoder::with_ip(64, &code, start, DecoderOptions::NONE).iter().collect())
    }

    /// The first address that is stored, once the file is loaded, up to `most` bytes behind the place where the address `value` is.
    pub(super) fn stored_behind(&self, value: u64, most: u64) -> io::Result<Option<u64>> {
        let Some((place, _)) = self.relocation(|_, stored| stored == value)? else { return Ok(None) };
        let behind = place + 1..=place + most;
        // In order of their places, as linkers sort them.
        Ok(self.relocation(|other, _| behind.contains(&other))?.map(|(_, stored)| stored))
    }

    /// Place and value of the first relative relocation (System V ABI, x86-64 supplement, section 4.4) that is wanted.
    fn relocation(&self, wanted: impl Fn(u64, u64) -> bool) -> io::Result<Option<(u64, u64)>> {
        /// `Elf64_Rela`: place, kind, value.
        const LEN: usize = 24;
        const RELATIVE: u64 = 8;
        const { assert!(PIECE.is_multiple_of(8)) };
        let Some(section) = self.relocations else { return Ok(None) };
        let mut found = None;
        // Pieces that are a number of entries long, so that none is cut.
        self.read(section, PIECE / LEN * LEN, 0, |_, bytes| {
            let mut entries = bytes
                .chunks_exact(LEN)
                .map(|entry| [0, 8, 16].map(|at| entry[at..at + 8].try_into().map_or(0, u64::from_le_bytes)));
            let entry = entries.find(|&[place, kind, value]| kind == RELATIVE && wanted(place, value));
            found = entry.map(|[place, _, value]| (place, value));
            found.is_none()
        })?;
        Ok(found)
    }

    /// Hands in a section piece by piece, each with its address, `overlap` bytes less one of which are in the next one too. Ends where
    /// `each` returns false.
    fn pieces(
        &self,
        section: Section,
        overlap: usize,
        each: impl FnMut(u64, &[u8]) -> bool,
    ) -> io::Result<()> {
        self.read(section, PIECE, overlap - 1, each)
    }

    fn read(
        &self,
        section: Section,
        piece: usize,
        overlap: usize,
        mut each: impl FnMut(u64, &[u8]) -> bool,
    ) -> io::Result<()> {
        let mut bytes = vec![0; piece + overlap];
        let mut at = 0;
        while at < section.len {
            let len = bytes.len().min(usize::try_from(section.len - at).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut bytes[..len], section.offset + at)?;
            if !each(section.address + at, &bytes[..len]) {
                return Ok(());
            }
            at += piece as u64;
        }
        Ok(())
    }
}

/// The sorted table of functions in `.eh_frame_hdr`, which is at `address` (Linux Standard Base, core specification 5.0, section 10.6.2).
fn starts(table: &[u8], address: u64) -> Option<Vec<u64>> {
    /// Version 1; 4-byte address of the frames, relative to itself; number of entries as 4 bytes; entries of twice 4 bytes, relative to the table.
    const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
    let count = u32::from_le_bytes(table.get(8..12)?.try_into().ok()?) as usize;
    if table[..4] != HEADER {
        return None;
    }
    let entries = table[12..].chunks_exact(8).take(count);
    let starts: Vec<_> = entries
        .map(|entry| {
            let distance = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            address.wrapping_add_signed(distance.into())
        })
        .collect();
    (starts.len() == count && starts.is_sorted()).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_functions() {
        let mut table = vec![1, 0x1b, 0x03, 0x3b, 0, 0, 0, 0, 2, 0, 0, 0];
        for (start, frame) in [(-16i32, 100i32), (32, 200)] {
            table.extend(start.to_le_bytes());
            table.extend(frame.to_le_bytes());
        }
        assert_eq!(starts(&table, 0x1000), Some(vec![0xff0, 0x1020]));
        assert_eq!(starts(&table[..20], 0x1000), None, "an entry is missing");
        assert_eq!(starts(&table[..10], 0x1000), None);
        table[3] = 0;
        assert_eq!(starts(&table, 0x1000), None, "another encoding");
    }

    #[test]
    fn functions_of_this_very_program() {
        let file = File::open("/proc/self/exe").unwrap();
        let cache = object::ReadCache::new(&file);
        let elf = object::File::parse(&cache).unwrap();
        let stripped = Stripped::of(&elf, &file).unwrap();
        std::hint::black_box(c"a text that this function takes".as_ptr());
        let [(address, _), ..] = stripped.texts("a text that this function takes").unwrap()[..] else {
            panic!("the text is in this file")
        };
        let takers = stripped.takers(address).unwrap();
        assert!(!takers.is_empty());
        for taker in takers {
            assert!(!stripped.instructions(taker).unwrap().is_empty() && stripped.len(taker) > 0);
        }
        assert!(stripped.texts("there is no such text \x01").unwrap().is_empty());
    }
}
