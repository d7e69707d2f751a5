//! Offsets of kernel struct fields from the running kernel's BTF.

use std::path::Path;

use btf_rs::{Backend, Btf, BtfType, Type};
use tracer_common::offsets::KernelOffsets;

/// Where the kernel publishes its type information (CONFIG_DEBUG_INFO_BTF, kernel 5.4).
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Offsets cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read or parsed.
    #[error(
        "the kernel's type information {path} cannot be read ({source}); a kernel built with CONFIG_DEBUG_INFO_BTF is needed"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the parser says.
        source: btf_rs::Error,
    },
    /// Fields that this kernel's structs lack.
    #[error("this kernel's type information lacks {0}; please report this together with the kernel version")]
    Missing(String),
}

/// What this kernel lacks of what the kernel programs need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Fields of [`KernelOffsets`], as `struct.field`.
    pub fields: Vec<String>,
    /// Tracepoints.
    pub tracepoints: Vec<&'static str>,
}

/// Resolves every field of [`KernelOffsets`].
pub fn offsets(path: &Path) -> Result<KernelOffsets, BtfError> {
    let (offsets, missing) = resolve(&open(path)?);
    if missing.is_empty() { Ok(offsets) } else { Err(BtfError::Missing(missing.join(", "))) }
}

/// Says what is missing of the fields and of `tracepoints`.
pub fn lacking(path: &Path, tracepoints: impl Iterator<Item = &'static str>) -> Result<Lacking, BtfError> {
    let btf = open(path)?;
    // include/trace/bpf_probe.h: every tracepoint has the typedef that raw tracepoint programs attach by.
    let exists = |name: &str| {
        let types = btf.resolve_types_by_name(&format!("btf_trace_{name}"));
        types.is_ok_and(|types| types.iter().any(|found| matches!(found, Type::Typedef(_))))
    };
    Ok(Lacking { fields: resolve(&btf).1, tracepoints: tracepoints.filter(|name| !exists(name)).collect() })
}

fn open(path: &Path) -> Result<Btf, BtfError> {
    // Mapped, a handful of look-ups costs a millisecond; reading and indexing it all costs a hundred. Older kernels cannot map it.
    Btf::from_file_with_backend(path, Backend::Mmap)
        .or_else(|_| Btf::from_file(path))
        .map_err(|source| BtfError::Unreadable { path: path.display().to_string(), source })
}

fn resolve(btf: &Btf) -> (KernelOffsets, Vec<String>) {
    let mut offsets = KernelOffsets::UNKNOWN;
    let mut missing = Vec::new();
    for (index, (kind, field)) in KernelOffsets::FIELDS.iter().enumerate() {
        match field_offset(btf, kind, field) {
            Some(offset) => offsets.set(index, offset),
            None => missing.push(format!("{kind}.{field}")),
        }
    }
    (offsets, missing)
}

/// Byte offset of the dotted `path` in `struct kind`.
fn field_offset(btf: &Btf, kind: &str, path: &str) -> Option<u32> {
    let types = btf.resolve_types_by_name(kind).ok()?;
    types.into_iter().filter(|found| matches!(found, Type::Struct(_))).find_map(|found| {
        path.split('.')
            .try_fold((0, found), |(base, holder), name| {
                let (offset, member) = member(btf, &holder, name)?;
                Some((base + offset, member))
            })
            .map(|(bits, _)| bits / 8)
    })
}

/// Bit offset and type of a member, looked for in anonymous members too.
fn member(btf: &Btf, holder: &Type, name: &str) -> Option<(u32, Type)> {
    let (Type::Struct(fields) | Type::Union(fields)) = holder else { return None };
    fields.members.iter().find_map(|field| {
        let field_name = btf.resolve_name(field).ok()?;
        if field_name == name {
            return Some((field.bit_offset(), concrete(btf, field)?));
        }
        if field_name.is_empty() {
            let (offset, found) = member(btf, &concrete(btf, field)?, name)?;
            return Some((field.bit_offset() + offset, found));
        }
        None
    })
}

/// The type of `field`, behind typedefs and qualifiers.
fn concrete(btf: &Btf, field: &dyn BtfType) -> Option<Type> {
    let mut found = btf.resolve_chained_type(field).ok()?;
    while let Type::Typedef(_) | Type::Const(_) | Type::Volatile(_) | Type::TypeTag(_) = found {
        found = btf.resolve_chained_type(found.as_btf_type()?).ok()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use tracer_common::offsets::MISSING;

    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = offsets(Path::new("/nonexistent/vmlinux")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/vmlinux"), "{error}");
    }

    #[test]
    fn every_field_is_found_on_this_kernel() {
        // Development machines and CI have BTF; elsewhere there is nothing to check.
        let Ok(offsets) = offsets(Path::new(VMLINUX)) else {
            assert!(!Path::new(VMLINUX).exists(), "BTF is present but offsets are missing");
            return;
        };
        assert_ne!(offsets.write_seq, MISSING);
        assert_eq!(offsets.family, 16, "skc_family follows two unions of 8 bytes in every kernel since 3.13");
    }
}
