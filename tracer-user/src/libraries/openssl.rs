//! OpenSSL and what has its functions (BoringSSL, LibreSSL): which of them are probed.
//!
//! The functions and their arguments are those of SSL_read(3), SSL_write(3), SSL_do_handshake(3), SSL_free(3), SSL_set_bio(3) and
//! SSL_read_early_data(3); they have not changed since OpenSSL 1.0. In OpenSSL 1.1.1 and 3, SSL_read() and SSL_read_ex() hand over to one
//! internal function, which returns 1 and leaves the number of bytes where its fourth argument says (ssl/ssl_lib.c: ssl_read_internal,
//! ssl_write_internal; the fifth in ssl_write_internal since 3.3). Where the outer functions begin with an instruction that is dear to
//! probe, the inner one is probed.

use object::ReadRef;
use tracer_common::tls::{call, cookie, count};

use super::{
    code::Callee,
    elf::Elf,
    plan::{Plan, Probe, Site, anywhere, unknown},
};

/// Every function that is looked for.
pub(super) const FUNCTIONS: [&str; 14] = [
    "SSL_read",
    "SSL_write",
    "SSL_read_ex",
    "SSL_write_ex",
    "SSL_write_ex2",
    "SSL_do_handshake",
    "SSL_free",
    "SSL_set_bio",
    "SSL_set0_rbio",
    "SSL_set0_wbio",
    "SSL_read_early_data",
    "SSL_write_early_data",
    MEMORY_BIO,
    NODE_BIO,
];

/// Returns the method table of memory BIOs (BIO_s_mem(3)).
const MEMORY_BIO: &str = "BIO_s_mem";
/// `bwrite_old` in it: the function that writes (`struct bio_method_st` in include/internal/bio.h, OpenSSL 1.1 and 3).
const WRITES: u64 = 24;
/// `node::crypto::NodeBIO::Write(bio_st*, char const*, int)`: Node.js has memory BIOs of its own (src/crypto/crypto_bio.cc).
const NODE_BIO: &str = "_ZN4node6crypto7NodeBIO5WriteEP6bio_stPKci";

/// Decides what to probe in a file.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Plan {
    let mut sites: Vec<_> = sealed(elf).collect();
    if ["SSL_read", "SSL_write", "SSL_free", "SSL_do_handshake"]
        .iter()
        .any(|name| elf.address(name).is_none())
    {
        return if sites.is_empty() { Plan::Nothing } else { Plan::Sites { sites, reads: false } };
    }
    for (plain, ex, kind) in
        [("SSL_read", "SSL_read_ex", call::READ), ("SSL_write", "SSL_write_ex", call::WRITE)]
    {
        if transfer(elf, plain, ex, kind, &mut sites).is_none() {
            return unknown(plain);
        }
    }
    // Without these two, an address that is used again would be taken for the connection that it was before.
    for (name, probe) in [
        ("SSL_free", Probe::Forget),
        ("SSL_do_handshake", Probe::Call(cookie(call::HANDSHAKE, count::RETURNED))),
    ] {
        match anywhere(elf, name, probe) {
            Some(site) => sites.push(site),
            None => return unknown(name),
        }
    }
    // Not SSL_clear(), which every handshake begins with: an object that is used for another connection gets another transport.
    // SSL_set_bio() is made of the other two, where there are such (OpenSSL 1.1).
    let transports: &[&str] = match elf.address("SSL_set0_rbio") {
        Some(_) => &["SSL_set0_rbio", "SSL_set0_wbio"],
        None => &["SSL_set_bio"],
    };
    for name in transports {
        sites.extend(anywhere(elf, name, Probe::Loosen));
    }
    for name in ["SSL_read_early_data", "SSL_write_early_data"] {
        sites.extend(anywhere(elf, name, Probe::Unread));
    }
    Plan::Sites { sites, reads: true }
}

/// Where records are written into memory.
fn sealed<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> impl Iterator<Item = Site> {
    let memory = elf.address(MEMORY_BIO).and_then(|address| {
        let method = elf.function(address)?.returned_address()?;
        elf.word(method.checked_add(WRITES)?)
    });
    [memory, elf.address(NODE_BIO)].into_iter().flatten().filter_map(|address| {
        let offset = elf.file_offset(elf.function(address)?.entry()?)?;
        Some(Site { offset, probe: Probe::Sealed })
    })
}

/// Sites that see everything that goes through `plain` and `ex` (which may be missing).
fn transfer<'a, R: ReadRef<'a>>(
    elf: &Elf<'a, R>,
    plain: &str,
    ex: &str,
    kind: u8,
    sites: &mut Vec<Site>,
) -> Option<()> {
    let at = |address: u64| elf.file_offset(elf.function(address)?.entry()?);
    let mut site = |offset, counted| sites.push(Site { offset, probe: Probe::Call(cookie(kind, counted)) });
    let plain = elf.address(plain)?;
    let ex = elf.address(ex);
    if let Some(offset) = at(plain) {
        site(offset, count::RETURNED);
        if let Some(ex) = ex {
            site(at(ex)?, count::FOURTH);
        }
        return Some(());
    }
    let Callee { address: inner, stack_argument } = elf.function(plain)?.callee()?;
    let counted = match stack_argument? {
        3 => count::FOURTH,
        4 => count::FIFTH,
        _ => return None,
    };
    site(at(inner)?, counted);
    // Where there is an SSL_write_ex2(), SSL_write_ex() is but a call of it (OpenSSL 3.3).
    let ex2 = elf.address("SSL_write_ex2").filter(|_| kind == call::WRITE);
    match ex2.or(ex) {
        None => Some(()),
        Some(outer) => (elf.function(outer)?.callee()?.address == inner).then_some(()),
    }
}

#[cfg(test)]
mod tests {
    use object::ReadCache;

    use super::*;

    /// Reads a library of this machine, where it has one.
    fn library(path: &str) -> Option<Plan> {
        let file = std::fs::File::open(path).ok()?;
        let cache = ReadCache::new(file);
        Some(plan(&Elf::read(&cache, &FUNCTIONS).unwrap()))
    }

    #[test]
    fn a_file_without_the_functions_has_nothing_to_probe() {
        assert_eq!(library("/proc/self/exe"), Some(Plan::Nothing));
    }

    #[test]
    fn memory_bios_of_this_machine_can_be_probed() {
        let Some(plan) = library("/usr/lib/x86_64-linux-gnu/libcrypto.so.3") else { return };
        let Plan::Sites { sites, reads: false } = plan else { panic!("{plan:?}") };
        assert!(matches!(sites[..], [Site { probe: Probe::Sealed, .. }]), "{sites:?}");
    }

    #[test]
    fn the_library_of_this_machine_can_be_probed() {
        let Some(plan) = library("/usr/lib/x86_64-linux-gnu/libssl.so.3") else { return };
        let Plan::Sites { sites, reads: true } = plan else { panic!("{plan:?}") };
        let calls = |kind| {
            let of = |site: &&Site| matches!(site.probe, Probe::Call(cookie) if cookie as u8 == kind);
            sites.iter().filter(of).count()
        };
        assert!((1..=2).contains(&calls(call::READ)), "{sites:?}");
        assert!((1..=2).contains(&calls(call::WRITE)), "{sites:?}");
        assert_eq!(calls(call::HANDSHAKE), 1, "{sites:?}");
        assert!(sites.iter().any(|site| site.probe == Probe::Forget), "{sites:?}");
        let mut offsets: Vec<_> = sites.iter().map(|site| site.offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        assert_eq!(offsets.len(), sites.len(), "two probes at one place: {sites:?}");
    }
}
