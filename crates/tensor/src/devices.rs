//! What this machine could compute on, and why a device cannot be used.

/// One device; `memory_bytes` and `driver` are unknown to a build without its backend.
#[derive(Debug, Clone)]
pub struct Device {
    /// What calls name it by.
    pub id: &'static str,
    pub backend: &'static str,
    pub name: String,
    pub features: Vec<&'static str>,
    pub memory_bytes: Option<u64>,
    /// Why it cannot be used; none when it can.
    pub reason: Option<&'static str>,
}

/// The CPU first, then each backend that this build does not have, so that nobody looks for it in vain.
pub fn devices() -> Vec<Device> {
    let absent = |backend, reason| Device {
        id: backend,
        backend,
        name: String::from("none looked for"),
        features: Vec::new(),
        memory_bytes: None,
        reason: Some(reason),
    };
    vec![
        Device {
            id: "cpu",
            backend: "cpu",
            name: cpu_name(),
            features: cpu_features(),
            memory_bytes: cpu_memory(),
            reason: None,
        },
        absent("cuda", "this build has no CUDA backend yet"),
        absent("wgpu", "this build has no wgpu backend yet"),
    ]
}

/// The value of the first line `key : value` of a file of the kernel.
fn line_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn cpu_name() -> String {
    line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH))
}

fn cpu_memory() -> Option<u64> {
    let kib: u64 = line_of("/proc/meminfo", "MemTotal")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let known = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("sha", std::is_x86_feature_detected!("sha")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512dq", std::is_x86_feature_detected!("avx512dq")),
        ("avx512bf16", std::is_x86_feature_detected!("avx512bf16")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
    ];
    known.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    if cfg!(target_feature = "neon") { vec!["neon"] } else { Vec::new() }
}
