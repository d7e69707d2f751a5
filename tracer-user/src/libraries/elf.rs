//! Functions of an ELF file by name.

use std::{collections::HashMap, io};

use object::{Object, ObjectSegment, ObjectSymbol, ReadRef, SymbolKind};

use super::code::Function;

/// Bytes of a function that are looked at, at most.
const MAX_CODE: u64 = 512;

/// A file with the functions that were asked for.
pub(super) struct Elf<'a, R: ReadRef<'a>> {
    file: object::File<'a, R>,
    functions: HashMap<&'static str, u64>,
}

impl<'a, R: ReadRef<'a>> Elf<'a, R> {
    /// Looks for the functions `names` in a 64-bit x86 file: among those that it exports, then among all of its symbols.
    pub(super) fn read(data: R, names: &[&'static str]) -> io::Result<Self> {
        let file = object::File::parse(data).map_err(io::Error::other)?;
        let mut functions = HashMap::new();
        if file.architecture() != object::Architecture::X86_64 {
            return Ok(Self { file, functions });
        }
        for symbol in file.dynamic_symbols() {
            take(&symbol, names, &mut functions);
        }
        if functions.is_empty() {
            for symbol in file.symbols() {
                take(&symbol, names, &mut functions);
            }
        }
        Ok(Self { file, functions })
    }

    /// The file itself.
    pub(super) fn file(&self) -> &object::File<'a, R> {
        &self.file
    }

    /// The address of a function.
    pub(super) fn address(&self, name: &str) -> Option<u64> {
        self.functions.get(name).copied()
    }

    /// The function at an address.
    pub(super) fn function(&self, address: u64) -> Option<Function<'a>> {
        let (start, data) = self.segment(address)?;
        let code = data.get(usize::try_from(address - start).ok()?..)?;
        let len = code.len().min(MAX_CODE as usize);
        Some(Function { address, code: &code[..len] })
    }

    /// Where in the file the byte at an address is.
    pub(super) fn file_offset(&self, address: u64) -> Option<u64> {
        let segment = self.file.segments().find(|segment| contains(segment, address))?;
        segment.file_range().0.checked_add(address - segment.address())
    }

    /// Eight bytes of data, as a number.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let (_, data) = self.segment(address)?;
        Some(u64::from_le_bytes(data.get(..8)?.try_into().ok()?))
    }

    fn segment(&self, address: u64) -> Option<(u64, &'a [u8])> {
        let segment = self.file.segments().find(|segment| contains(segment, address))?;
        let from = address;
        let until = segment.address().checked_add(segment.file_range().1)?;
        let data = segment.data_range(from, MAX_CODE.min(until - from)).ok()??;
        Some((from, data))
    }
}

/// Remembers a symbol, if it is one of the functions `names`.
fn take<'a>(
    symbol: &impl ObjectSymbol<'a>,
    names: &[&'static str],
    functions: &mut HashMap<&'static str, u64>,
) {
    if symbol.is_definition()
        && symbol.kind() == SymbolKind::Text
        && let Ok(name) = symbol.name()
        && let Some(known) = names.iter().find(|known| **known == name)
    {
        functions.entry(*known).or_insert(symbol.address());
    }
}

fn contains<'a>(segment: &impl ObjectSegment<'a>, address: u64) -> bool {
    address.checked_sub(segment.address()).is_some_and(|offset| offset < segment.file_range().1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert!(Elf::read(&b""[..], &["main"]).is_err());
        assert!(Elf::read(&b"\x7fELF\x02\x01\x01"[..], &["main"]).is_err());
        assert!(Elf::read(&[0x7f; 4096][..], &["main"]).is_err());
    }

    #[test]
    fn functions_of_this_very_program_are_found() {
        let program = std::fs::read("/proc/self/exe").unwrap();
        let elf = Elf::read(&*program, &["main", "no_such_function"]).unwrap();
        assert_eq!(elf.address("no_such_function"), None);
        if let Some(main) = elf.address("main") {
            let offset = elf.file_offset(main).unwrap() as usize;
            let code = elf.function(main).unwrap().code;
            assert!(!code.is_empty());
            assert_eq!(code, &program[offset..offset + code.len()]);
        }
        assert_eq!(elf.file_offset(u64::MAX), None);
    }
}
