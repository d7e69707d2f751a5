//! The version of Go that a program was built with (debug/buildinfo).

/// Starts the section `.go.buildinfo`.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The version's text follows the header (since Go 1.18); before that the header holds a pointer to it.
const INLINE: u8 = 2;
/// Length of the header, in whichever form.
const HEADER: usize = 32;

/// `1.X` in the section's version; `None` where it is not to be found.
pub(crate) fn minor_version(section: &[u8]) -> Option<u32> {
    let header = section.strip_prefix(MAGIC)?;
    let flags = *header.get(1)?;
    if flags & INLINE == 0 {
        return None;
    }
    let (&length, text) = section.get(HEADER..)?.split_first()?;
    // A varint (encoding/binary); versions are shorter than 128 bytes.
    let text = std::str::from_utf8(text.get(..usize::from(length))?).ok()?;
    let minor = text.strip_prefix("go1.")?;
    minor.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(flags: u8, version: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, flags]);
        bytes.resize(HEADER, 0);
        bytes.push(version.len() as u8);
        bytes.extend(version.bytes());
        bytes
    }

    #[test]
    fn versions() {
        assert_eq!(minor_version(&section(2, "go1.24.11")), Some(24));
        assert_eq!(minor_version(&section(2, "go1.27rc1")), Some(27));
        assert_eq!(minor_version(&section(2, "go1.19.8 X:boringcrypto")), Some(19));
        assert_eq!(minor_version(&section(0, "go1.17")), None);
        assert_eq!(minor_version(&section(2, "devel")), None);
        assert_eq!(minor_version(b""), None);
        let whole = section(2, "go1.22");
        for cut in 0..whole.len() {
            assert_eq!(minor_version(&whole[..cut]), None, "{cut}");
        }
    }
}
