//! Two network namespaces with a link between them, in place of two hosts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use crate::command::{output, run};

/// A namespace.
pub struct Namespace {
    name: String,
    /// Its address on the link.
    pub address: Ipv4Addr,
}

/// Two namespaces that reach each other, and nothing else. They are gone when dropped.
pub struct Network {
    /// Both.
    pub hosts: [Namespace; 2],
}

impl Network {
    /// Makes them. Their names start with `name` and the process id.
    #[track_caller]
    pub fn create(name: &str) -> Self {
        let namespace = |number: u8| {
            let name = format!("{name}-{}-{number}", std::process::id());
            ip(&["netns", "add", &name]);
            // An address for documentation (RFC 5737): it is nobody's.
            Namespace { name, address: Ipv4Addr::new(192, 0, 2, number) }
        };
        let network = Self { hosts: [namespace(1), namespace(2)] };
        let [here, there] = &network.hosts;
        let ends = ["veth-here", "veth-there"];
        ip(&[
            "-n",
            &here.name,
            "link",
            "add",
            ends[0],
            "type",
            "veth",
            "peer",
            "name",
            ends[1],
            "netns",
            &there.name,
        ]);
        for (host, end) in network.hosts.iter().zip(ends) {
            ip(&["-n", &host.name, "address", "add", &format!("{}/24", host.address), "dev", end]);
            ip(&["-n", &host.name, "link", "set", end, "up"]);
            ip(&["-n", &host.name, "link", "set", "lo", "up"]);
        }
        network
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &self.hosts {
            let _ = Command::new("ip").args(["netns", "delete", &host.name]).status();
        }
    }
}

impl Namespace {
    /// A command that runs in it.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Whether something listens at `address`, as seen from in here.
    pub fn reaches(&self, address: SocketAddr) -> bool {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec 3<>/dev/tcp/{}/{}", address.ip(), address.port())]);
        output(&mut self.inside(&command)).status.success()
    }

    /// A port of its address.
    pub fn port(&self, port: u16) -> SocketAddr {
        (self.address, port).into()
    }
}

#[track_caller]
fn ip(args: &[&str]) {
    run(Command::new("ip").args(args));
}
