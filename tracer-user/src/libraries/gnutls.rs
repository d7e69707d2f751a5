//! GnuTLS: which of its functions are probed.
//!
//! The functions and their arguments are those of the GnuTLS manual, "Core TLS API"; they have been these since GnuTLS 2.
//! `gnutls_record_recv()` hands over to an internal function, which takes the type of record as its second argument and the buffer as
//! its third (lib/record.c: _gnutls_recv_int); so does `gnutls_record_recv_seq()`, in which that is plain to see.

use object::ReadRef;
use tracer_common::tls::{THIRD_IS_BUFFER, call, cookie, count};

use super::{
    code::Value,
    elf::Elf,
    plan::{Plan, Probe, Site, anywhere, unknown},
};

/// Every function that is looked for.
pub(super) const FUNCTIONS: [&str; 8] = [
    "gnutls_record_recv",
    "gnutls_record_recv_seq",
    "gnutls_record_send2",
    "gnutls_handshake",
    "gnutls_deinit",
    "gnutls_record_recv_packet",
    "gnutls_record_recv_early_data",
    "gnutls_record_send_early_data",
];

/// Content type of a TLS record that carries bytes of the application (RFC 8446 section 5.1).
const APPLICATION_DATA: u64 = 23;

/// Decides what to probe in a file.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Plan {
    if elf.address("gnutls_record_recv").is_none() {
        return Plan::Nothing;
    }
    let Some(receives) = receives(elf) else { return unknown("gnutls_record_recv") };
    // gnutls_record_send() is but a call of this one (GnuTLS 3.6.3).
    let Some(sends) = at(elf, elf.address("gnutls_record_send2")) else {
        return unknown("gnutls_record_send");
    };
    let mut sites = vec![
        Site { offset: receives, probe: Probe::Call(cookie(call::READ, count::RETURNED) | THIRD_IS_BUFFER) },
        Site { offset: sends, probe: Probe::Call(cookie(call::WRITE, count::RETURNED)) },
    ];
    let handshake = Probe::Call(cookie(call::HANDSHAKE, count::RETURNED));
    for (name, probe) in [("gnutls_deinit", Probe::Forget), ("gnutls_handshake", handshake)] {
        match anywhere(elf, name, probe) {
            Some(site) => sites.push(site),
            None => return unknown(name),
        }
    }
    // A session serves one connection: it cannot be reset, so another transport is none of another connection.
    for name in
        ["gnutls_record_recv_packet", "gnutls_record_recv_early_data", "gnutls_record_send_early_data"]
    {
        sites.extend(anywhere(elf, name, Probe::Unread));
    }
    Plan::Sites { sites, reads: true }
}

/// Where the internal function that receives begins.
fn receives<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Option<u64> {
    let (inner, arguments) = elf.function(elf.address("gnutls_record_recv_seq")?)?.tail_call()?;
    let expected =
        [Value::Argument(0), Value::Number(APPLICATION_DATA), Value::Argument(1), Value::Argument(2)];
    let both = elf.function(elf.address("gnutls_record_recv")?)?.leads_to(inner);
    if arguments == expected && both { at(elf, Some(inner)) } else { None }
}

/// Where in the file a probe of the function at an address sits.
fn at<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, address: Option<u64>) -> Option<u64> {
    elf.file_offset(elf.function(address?)?.entry()?)
}

#[cfg(test)]
mod tests {
    use object::ReadCache;

    use super::*;

    #[test]
    fn the_library_of_this_machine_can_be_probed() {
        let Ok(file) = std::fs::File::open("/usr/lib/x86_64-linux-gnu/libgnutls.so.30") else { return };
        let cache = ReadCache::new(file);
        let plan = plan(&Elf::read(&cache, &FUNCTIONS).unwrap());
        let Plan::Sites { sites, reads: true } = plan else { panic!("{plan:?}") };
        let calls = sites.iter().filter(|site| matches!(site.probe, Probe::Call(_))).count();
        assert_eq!(calls, 3, "{sites:?}");
    }
}
