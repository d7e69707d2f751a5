fn main() {
    let config = tracer_common::config::KernelConfig { self_tgid: std::process::id(), only_selected: 0, unix_sockets: 1, request_head: 4096, response_head: 1024, message_budget: 8192, wake_bytes: 1<<19, reserved: 0 };
    let mut k = match tracer_user::kernel::loader::load(config, 1 << 22) { Ok(k) => k, Err(e) => { println!("{e}"); return; } };
    k.attach().unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while std::time::Instant::now() < end {
        for (cpu, r) in k.rings.iter_mut().enumerate() { while let Some(item) = r.next() { println!("cpu {cpu} kind {} len {} tgid {} {:?}", item[0], item.len(), u32::from_le_bytes(item[4..8].try_into().unwrap()), String::from_utf8_lossy(&item[56.min(item.len())..item.len().min(156)])); } }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    println!("{:?}", k.drops());
}
