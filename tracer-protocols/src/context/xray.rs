//! AWS X-Ray's `X-Amzn-Trace-Id` (AWS X-Ray developer guide, "Tracing header").

use super::{TraceContext, hex};

/// Reads `Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled={1|0|?}`, in any order, other keys (`Self`, `Lineage`)
/// passed over. The trace id is both parts of the root. None without a parent, as a load balancer sends it that starts a
/// trace but makes no span, and where a key is repeated.
pub fn parse_xray(value: &str) -> Option<TraceContext> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for field in value.split(';') {
        let Some((key, text)) = field.split_once('=') else { continue };
        let slot = match key.trim_ascii() {
            "Root" => &mut root,
            "Parent" => &mut parent,
            "Sampled" => &mut sampled,
            _ => continue,
        };
        if slot.replace(text.trim_ascii()).is_some() {
            return None;
        }
    }
    let (seconds, random) = root?.strip_prefix("1-")?.split_once('-')?;
    let (seconds, random, parent) = (seconds.as_bytes(), random.as_bytes(), parent?.as_bytes());
    if (seconds.len(), random.len(), parent.len()) != (8, 24, 16) {
        return None;
    }
    let mut trace_id = [0; 16];
    trace_id[..4].copy_from_slice(&hex::padded::<4>(seconds)?);
    trace_id[4..].copy_from_slice(&hex::padded::<12>(random)?);
    // Absent, and `?`: the decision is the receiver's to make.
    let refused = sampled == Some("0");
    TraceContext { trace_id, span_id: hex::padded(parent)?, flags: u8::from(!refused) }.valid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn the_example_of_the_guide() {
        let context = parse_xray(&format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1")).unwrap();
        assert_eq!(context.trace_id[..5], [0x57, 0x59, 0xe9, 0x88, 0xbd]);
        assert_eq!(context.span_id[..2], [0x53, 0x99]);
        assert!(context.is_sampled());
        for same in [
            format!("Sampled=?; Parent=53995c3f42cd8ad8 ;{ROOT}"),
            format!("Self=1-67891233-abcdef012345678912345678;{ROOT};Parent=53995c3f42cd8ad8;"),
            format!("{ROOT};Parent=53995C3F42CD8AD8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2"),
        ] {
            assert_eq!(parse_xray(&same), Some(context), "{same}");
        }
        let refused = parse_xray(&format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0")).unwrap();
        assert!(!refused.is_sampled());
    }

    #[test]
    fn what_names_no_parent() {
        for bad in [
            String::new(),
            ";;=;".into(),
            ROOT.into(),
            "Parent=53995c3f42cd8ad8;Sampled=1".into(),
            format!("{ROOT};Parent=0000000000000000"),
            format!("{ROOT};Parent=53995c3f42cd8ad"),
            format!("{ROOT};Parent=53995c3f42cd8ad8;Parent=53995c3f42cd8ad9"),
            format!("{};Parent=53995c3f42cd8ad8", ROOT.replace("1-", "2-")),
            format!("{};Parent=53995c3f42cd8ad8", &ROOT[..ROOT.len() - 1]),
            "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8".into(),
            "Root=1-5759e98-8bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8".into(),
            format!("{}é;Parent=53995c3f42cd8ad8", &ROOT[..ROOT.len() - 2]),
        ] {
            assert_eq!(parse_xray(&bad), None, "{bad}");
        }
    }
}
