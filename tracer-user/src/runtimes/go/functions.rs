//! The function table of a Go program (cmd/link/internal/ld/pcln.go, runtime/symtab.go): names and addresses that are there in a
//! stripped program too, since the runtime itself needs them.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use object::{File as Elf, Object, ObjectSection, ReadRef};

/// Where the table begins with this, addresses are absolute words (Go 1.16, 1.17).
const GO_1_16: u32 = 0xffff_fffa;
/// Addresses are offsets from the text's start (1.18, 1.19).
const GO_1_18: u32 = 0xffff_fff0;
/// As before (1.20 to 1.27).
const GO_1_20: u32 = 0xffff_fff1;
/// Word of `runtime.moduledata` that holds the text's start; its section came with 1.26, when the header's field became 0.
const MODULE_TEXT: usize = 22;

/// Addresses of functions that were looked for: first and behind the last byte.
#[derive(Debug, Default)]
pub(crate) struct Functions(HashMap<&'static str, (u64, u64), RandomState>);

impl Functions {
    /// Reads the table of a program, for the functions `names`.
    pub(crate) fn of<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, names: &[&'static str]) -> Option<Self> {
        // Position-independent programs have it in a section that is written at the start.
        let sections = [".gopclntab", ".data.rel.ro.gopclntab"];
        let section = sections.iter().find_map(|name| elf.section_by_name(name))?;
        let text = elf.section_by_name(".text").map_or(0, |section| section.address());
        let module = elf.section_by_name(".go.module").and_then(|section| section.data().ok());
        let start = module.and_then(|module| word(module, MODULE_TEXT * 8)).filter(|&start| start != 0);
        Self::parse(section.data().ok()?, start.unwrap_or(text), names)
    }

    /// `text_start` is used where the table itself does not tell.
    fn parse(table: &[u8], text_start: u64, wanted: &[&'static str]) -> Option<Self> {
        let absolute = match half(table, 0)? {
            GO_1_16 => true,
            GO_1_18 | GO_1_20 => false,
            _ => return None,
        };
        // magic, two zero bytes, instruction size, pointer size; then words.
        if *table.get(7)? != 8 {
            return None;
        }
        let field = |index: usize| word(table, 8 + index * 8);
        let count = usize::try_from(field(0)?).ok()?;
        let (text_start, first) = match (absolute, field(2)?) {
            (true, _) => (0, 2),
            (false, 0) => (text_start, 3),
            (false, start) => (start, 3),
        };
        let names = table.get(usize::try_from(field(first)?).ok()?..)?;
        let functions = table.get(usize::try_from(field(first + 4)?).ok()?..)?;

        let size = if absolute { 8 } else { 4 };
        let read =
            |bytes: &[u8], at: usize| if absolute { word(bytes, at) } else { half(bytes, at).map(u64::from) };
        let mut found = HashMap::default();
        for index in 0..count {
            let at = index.checked_mul(2 * size)?;
            let (Some(entry), Some(offset), Some(next)) =
                (read(functions, at), read(functions, at + size), read(functions, at + 2 * size))
            else {
                break;
            };
            // The function's own record: its entry again, then its name.
            let name_at =
                usize::try_from(offset).ok().and_then(|offset| half(functions, offset.checked_add(size)?));
            let Some(name) = name_at.and_then(|at| names.get(at as usize..)) else { continue };
            if let Some(known) = wanted.iter().find(|wanted| is(name, wanted)) {
                found.insert(*known, (text_start + entry, text_start + next));
                if found.len() == wanted.len() {
                    break;
                }
            }
        }
        Some(Self(found))
    }

    /// Addresses of the first byte and behind the last.
    pub(crate) fn range(&self, name: &str) -> Option<(u64, u64)> {
        self.0.get(name).copied()
    }
}

/// Whether the NUL-terminated text at the front is `name`.
fn is(text: &[u8], name: &str) -> bool {
    text.get(name.len()) == Some(&0) && text.starts_with(name.as_bytes())
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; 2] = ["runtime.newproc.func1", "runtime.runqput"];

    /// A table in the form of Go 1.18 with these functions, 16 bytes each.
    fn table(names: &[&str], text_start: u64) -> Vec<u8> {
        let header = 8 + 8 * 8;
        let name_table: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
        let functions_at = header + name_table.len();
        let mut table = Vec::new();
        table.extend(GO_1_20.to_le_bytes());
        table.extend([0, 0, 1, 8]);
        for word in [names.len() as u64, 0, text_start, header as u64, 0, 0, 0, functions_at as u64] {
            table.extend(word.to_le_bytes());
        }
        table.extend(&name_table);
        let records_at = (names.len() * 2 + 1) * 4;
        for index in 0..names.len() {
            table.extend((index as u32 * 16).to_le_bytes());
            table.extend((records_at as u32 + index as u32 * 8).to_le_bytes());
        }
        table.extend((names.len() as u32 * 16).to_le_bytes());
        let mut name_at = 0;
        for (index, name) in names.iter().enumerate() {
            table.extend((index as u32 * 16).to_le_bytes());
            table.extend((name_at as u32).to_le_bytes());
            name_at += name.len() + 1;
        }
        table
    }

    #[test]
    fn functions_are_found_by_their_whole_names() {
        let bytes = table(&["runtime.runqputslow", "runtime.runqput", "x"], 0x40_0000);
        let functions = Functions::parse(&bytes, 1, &WANTED).unwrap();
        assert_eq!(functions.range("runtime.runqput"), Some((0x40_0010, 0x40_0020)));
        assert_eq!(functions.range("runtime.newproc.func1"), None);
        let functions = Functions::parse(&table(&["runtime.runqput"], 0), 0x1000, &WANTED).unwrap();
        assert_eq!(
            functions.range("runtime.runqput"),
            Some((0x1000, 0x1010)),
            "the text's start is told elsewhere"
        );
    }

    #[test]
    fn tables_that_are_cut_or_changed() {
        let whole = table(&["runtime.runqput", "y"], 0x1000);
        for cut in 0..whole.len() {
            let _ = Functions::parse(&whole[..cut], 0, &WANTED);
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Functions::parse(&bytes, 0, &WANTED);
            }
        }
        assert!(Functions::parse(b"", 0, &WANTED).is_none());
    }
}
