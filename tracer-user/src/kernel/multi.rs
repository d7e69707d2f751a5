//! Programs that probe many places of a file by one link (`uprobe_multi`, Linux 6.6).
//!
//! Whenever a probe is taken away the kernel waits until nobody runs in it, a tenth of a second, and lets nobody else wait meanwhile: with a probe for each
//! place, the daemon's end takes as long as there are places. The places of one link are waited for together, and links side by side. aya loads
//! programs for the one kind alone: how a program is attached is part of its loading.

use std::{
    collections::HashMap,
    ffi::CString,
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use aya::{
    Ebpf,
    maps::{Map, MapData},
};
use aya_obj::{
    Function, Object, ProgramSection,
    generated::{
        BPF_F_UPROBE_MULTI_RETURN,
        bpf_attach_type::BPF_TRACE_UPROBE_MULTI,
        bpf_cmd::{BPF_BTF_LOAD, BPF_LINK_CREATE, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_LOAD},
        bpf_prog_info,
        bpf_prog_type::BPF_PROG_TYPE_KPROBE,
    },
};
use nix::libc;

use super::{bpf, loader::ProgramCost};

/// Longest name of a program that the kernel keeps (BPF_OBJ_NAME_LEN less the NUL).
const MAX_NAME: usize = 15;

/// How often a program is loaded whose verification was interrupted by a signal.
const TRIES: u32 = 5;

/// The programs of an object for probes.
#[derive(Default)]
pub(super) struct Multi {
    /// Those that are not loaded yet; none where the kernel cannot do this.
    code: HashMap<String, Code>,
    license: CString,
    /// Types of the object, without which each call of a function is verified anew.
    types: Option<OwnedFd>,
    loaded: HashMap<String, Program>,
}

/// A program that is not loaded.
struct Code {
    function: Function,
    /// It runs when the function returns.
    at_return: bool,
}

/// A program that is loaded.
struct Program {
    fd: OwnedFd,
    at_return: bool,
}

impl Multi {
    /// The programs of `object`, which was loaded as `ebpf` and still has all of its maps.
    pub(super) fn of(object: &[u8], ebpf: &Ebpf) -> Result<Self, Box<dyn std::error::Error>> {
        let mut object = Object::parse(object)?;
        let types = match aya::features().btf() {
            Some(features) => {
                object.fixup_and_sanitize_btf(features)?.map(|types| load_types(&types.to_bytes()))
            }
            None => None,
        };
        let definitions = std::mem::take(&mut object.maps);
        let fds: HashMap<&str, RawFd> =
            ebpf.maps().map(|(name, map)| (name, data(map).fd().as_fd().as_raw_fd())).collect();
        let maps =
            definitions.iter().filter_map(|(name, map)| Some((name.as_str(), *fds.get(name.as_str())?, map)));
        let sections = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(maps, &sections)?;
        object.relocate_calls(&sections)?;
        let mut code = HashMap::new();
        for (name, program) in object.programs {
            let at_return = match program.section {
                ProgramSection::UProbe { .. } => false,
                ProgramSection::URetProbe { .. } => true,
                _ => continue,
            };
            let function = object.functions.get(&program.function_key()).cloned();
            code.extend(function.map(|function| (name, Code { function, at_return })));
        }
        Ok(Self { code, license: object.license, types: types.transpose()?, ..Self::default() })
    }

    /// Loads a program. Where that fails, it has to be loaded for single probes.
    pub(super) fn load(&mut self, name: &str) -> io::Result<()> {
        if self.has(name) {
            return Ok(());
        }
        let code = self.code.remove(name).ok_or(io::ErrorKind::Unsupported)?;
        let fd = load(name, &code.function, &self.license, self.types.as_ref())?;
        // The first one asks the kernel for all.
        if !self.is_used() && !is_supported(fd.as_fd()) {
            self.code.clear();
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.loaded.insert(name.to_owned(), Program { fd, at_return: code.at_return });
        Ok(())
    }

    /// Whether any program is loaded.
    pub(super) fn is_used(&self) -> bool {
        !self.loaded.is_empty()
    }

    /// Whether a program is loaded.
    pub(super) fn has(&self, name: &str) -> bool {
        self.loaded.contains_key(name)
    }

    /// Attaches a loaded program to instructions of a file, by their offsets, each with the cookie that it sees there. Closing what is returned takes all of them away.
    pub(super) fn attach(&self, name: &str, path: &Path, sites: &[(u64, u64)]) -> io::Result<OwnedFd> {
        let program = self.loaded.get(name).ok_or(io::ErrorKind::NotFound)?;
        let (offsets, cookies): (Vec<u64>, Vec<u64>) = sites.iter().copied().unzip();
        let flags = if program.at_return { BPF_F_UPROBE_MULTI_RETURN } else { 0 };
        link(program.fd.as_fd(), path, &offsets, &cookies, flags)
    }

    /// What the kernel says of a program's cost, if it is loaded.
    pub(super) fn cost(&self, name: &str) -> Option<ProgramCost> {
        let program = self.loaded.get(name)?;
        // SAFETY: integers only; all zeros is what the kernel wants where nothing is asked for.
        let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
        let mut attr = bpf::attributes();
        attr.info.bpf_fd = program.fd.as_raw_fd() as u32;
        attr.info.info_len = size_of::<bpf_prog_info>() as u32;
        attr.info.info = std::ptr::from_mut(&mut info) as u64;
        // SAFETY: the kernel writes at most `info_len` bytes to `info`, which lives on past the call; lists that it could fill have no room.
        unsafe { bpf::run(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }.ok()?;
        Some(ProgramCost { runs: info.run_cnt, nanoseconds: info.run_time_ns })
    }
}

/// Links that fail tell kernels apart (libbpf asks likewise): one that knows such links looks at the file, and a directory has no instructions.
fn is_supported(program: BorrowedFd<'_>) -> bool {
    link(program, Path::new("/"), &[0], &[0], 0).is_err_and(|error| error.raw_os_error() == Some(libc::EBADF))
}

fn load_types(types: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = bpf::attributes();
    // SAFETY: the member that BPF_BTF_LOAD reads; all of the union is zeros.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = types.as_ptr() as u64;
    load.btf_size = types.len() as u32;
    // SAFETY: the kernel reads the types, which live on past the call.
    unsafe { bpf::create(BPF_BTF_LOAD, &mut attr) }
}

fn load(name: &str, function: &Function, license: &CString, types: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    let (code, functions, lines) =
        (&function.instructions, function.func_info.func_info_bytes(), function.line_info.line_info_bytes());
    let mut attr = bpf::attributes();
    // SAFETY: the member that BPF_PROG_LOAD reads; all of the union is zeros.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = BPF_PROG_TYPE_KPROBE as u32;
    load.expected_attach_type = BPF_TRACE_UPROBE_MULTI as u32;
    load.insns = code.as_ptr() as u64;
    load.insn_cnt = code.len() as u32;
    load.license = license.as_ptr() as u64;
    for (to, from) in load.prog_name.iter_mut().zip(name.bytes().take(MAX_NAME)) {
        *to = from.cast_signed();
    }
    if let Some(types) = types {
        load.prog_btf_fd = types.as_raw_fd() as u32;
        load.func_info = functions.as_ptr() as u64;
        load.func_info_cnt = function.func_info.len() as u32;
        load.func_info_rec_size = function.func_info_rec_size as u32;
        load.line_info = lines.as_ptr() as u64;
        load.line_info_cnt = function.line_info.len() as u32;
        load.line_info_rec_size = function.line_info_rec_size as u32;
    }
    // SAFETY: the kernel reads the instructions, the license and what is told of functions and lines, which live on past the call.
    let mut load = || unsafe { bpf::create(BPF_PROG_LOAD, &mut attr) };
    for _ in 1..TRIES {
        match load() {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            result => return result,
        }
    }
    load()
}

fn link(
    program: BorrowedFd<'_>,
    path: &Path,
    offsets: &[u64],
    cookies: &[u64],
    flags: u32,
) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = bpf::attributes();
    // SAFETY: the member that BPF_LINK_CREATE reads; all of the union is zeros.
    let create = unsafe { &mut attr.link_create };
    create.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    create.attach_type = BPF_TRACE_UPROBE_MULTI as u32;
    // SAFETY: as above, the member for this type.
    let multi = unsafe { &mut create.__bindgen_anon_3.uprobe_multi };
    multi.path = path.as_ptr() as u64;
    multi.offsets = offsets.as_ptr() as u64;
    multi.cookies = cookies.as_ptr() as u64;
    multi.flags = flags;
    multi.cnt = offsets.len().min(cookies.len()) as u32;
    // SAFETY: the kernel reads the path and `cnt` elements of either list, which live on past the call.
    unsafe { bpf::create(BPF_LINK_CREATE, &mut attr) }
}

fn data(map: &Map) -> &MapData {
    match map {
        Map::Array(data)
        | Map::ArrayOfMaps(data)
        | Map::BloomFilter(data)
        | Map::CgroupArray(data)
        | Map::CgroupStorage(data)
        | Map::CgrpStorage(data)
        | Map::CpuMap(data)
        | Map::DevMap(data)
        | Map::DevMapHash(data)
        | Map::HashMap(data)
        | Map::HashOfMaps(data)
        | Map::InodeStorage(data)
        | Map::LpmTrie(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::PerCpuCgroupStorage(data)
        | Map::PerCpuHashMap(data)
        | Map::PerCpuLruHashMap(data)
        | Map::PerfEventArray(data)
        | Map::ProgramArray(data)
        | Map::Queue(data)
        | Map::ReusePortSockArray(data)
        | Map::RingBuf(data)
        | Map::SockHash(data)
        | Map::SockMap(data)
        | Map::SkStorage(data)
        | Map::Stack(data)
        | Map::StackTraceMap(data)
        | Map::Unsupported(data)
        | Map::XskMap(data) => data,
    }
}
