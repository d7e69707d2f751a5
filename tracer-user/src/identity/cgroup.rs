//! What a control group's path says: container, systemd unit.
//!
//! Formats: cgroups(7) for the file, and the naming of docker, containerd (CRI), cri-o, podman (libpod), LXC and
//! systemd-nspawn, with the systemd and the cgroupfs driver, on cgroup v1 and v2.

/// What `/proc/<pid>/cgroup` says of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    /// Id of the container: 64 hexadecimal digits, or what the runtime uses instead.
    pub(super) container_id: Option<String>,
    /// Name of the container where the path holds one (LXC, systemd-nspawn).
    pub(super) container_name: Option<String>,
    /// The systemd service, without suffix and instance. Inside a container only a unit of that container counts.
    pub(super) unit: Option<String>,
}

/// Units that start other people's programs: their name says nothing about those.
const LAUNCHERS: [&str; 15] = [
    "anacron",
    "atd",
    "containerd",
    "cri-o",
    "crio",
    "cron",
    "crond",
    "docker",
    "kubelet",
    "podman",
    "snapd",
    "ssh",
    "sshd",
    "supervisor",
    "supervisord",
];

/// Reads `hierarchy:controllers:path` lines.
pub(super) fn membership(cgroup: &str) -> Membership {
    let paths = || {
        cgroup.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?, fields.next()?))
        })
    };
    let containers = || paths().filter_map(|(_, path)| container(path));
    // systemd keeps its tree in the v1 hierarchy of its own name, or in the only v2 hierarchy (no controllers named).
    let tree = |wanted: &str| paths().find(|(controllers, path)| *controllers == wanted && *path != "/");
    let unit = tree("name=systemd").or_else(|| tree("")).and_then(|(_, path)| {
        let inside = container(path).map_or(path, |container| container.inside);
        unit(inside)
    });
    Membership {
        container_id: containers().find_map(|container| container.id).map(str::to_owned),
        container_name: containers().find_map(|container| container.name).map(unescape),
        unit,
    }
}

struct Container<'a> {
    id: Option<&'a str>,
    name: Option<&'a str>,
    /// The path from the container's own root on.
    inside: &'a str,
}

/// The innermost container in a path.
fn container(path: &str) -> Option<Container<'_>> {
    let mut found = None;
    let mut start = 0;
    let mut above = "";
    for segment in path.split('/') {
        let end = start + segment.len();
        let id = container_id(segment, above);
        let name = container_name(segment, above);
        if id.is_some() || name.is_some() {
            found = Some(Container { id, name, inside: &path[end..] });
        }
        above = segment;
        start = end + 1;
    }
    found
}

fn container_id<'a>(segment: &'a str, above: &str) -> Option<&'a str> {
    // containerd without the systemd driver: "kubepods-burstable-pod<uid>.slice:cri-containerd:<id>".
    let segment = segment.rsplit(':').next().unwrap_or(segment);
    let scope = segment.strip_suffix(".scope").unwrap_or(segment);
    let id = match scope.rsplit_once('-') {
        // "crio-conmon-<id>" and "libpod-conmon-<id>" hold the monitor outside of the container.
        Some((runtime, _)) if runtime.ends_with("conmon") => return None,
        // "docker-<id>", "cri-containerd-<id>", "crio-<id>", "libpod-<id>".
        Some((_, id)) if is_hex_id(id) => id,
        _ => scope,
    };
    // Amazon ECS on Fargate: "/ecs/<task>/<task>-<number>", the task 32 hexadecimal digits.
    let fargate = scope.rsplit_once('-').is_some_and(|(task, number)| {
        task == above && task.len() == 32 && is_hex(task) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    (is_hex_id(id) || fargate).then_some(id)
}

fn container_name<'a>(segment: &'a str, above: &str) -> Option<&'a str> {
    let nspawn = || {
        let scope = segment.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
        let service = segment.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
        scope.or(service).filter(|_| above == "machine.slice")
    };
    let lxc = || segment.strip_prefix("lxc.payload.").or_else(|| (above == "lxc").then_some(segment));
    nspawn().or_else(lxc).filter(|name| !name.is_empty())
}

fn unit(path: &str) -> Option<String> {
    let services = path.rsplit('/').filter_map(|segment| segment.strip_suffix(".service"));
    let names = services.map(|service| unescape(service.split('@').next().unwrap_or(service)));
    // The innermost service counts, save that of a user's own manager.
    let name = names.into_iter().next().filter(|name| !name.is_empty() && name != "user")?;
    let terminal =
        ["getty", "serial-getty", "console-getty", "container-getty", "autovt"].contains(&name.as_str());
    (!terminal && !LAUNCHERS.contains(&name.as_str())).then_some(name)
}

/// Undoes `\xNN` of systemd-escape(1).
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.strip_prefix(b"x").and_then(|hex| hex.get(..2));
        match code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(code) if byte == b'\\' => {
                bytes.push(code);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    super::process::text(&bytes)
}

fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
