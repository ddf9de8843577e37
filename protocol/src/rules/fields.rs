//! The catalogue of fields: what the editor, the completion, the API and `docs/rules.md` say of each.

use super::field::{Field, FieldInfo};
use super::operator::Kind;

const BOOLEAN: &[&str] = &["true", "false"];
const STATUSES: &[&str] = &["pending", "active", "revoked", "denied"];
const PRESENCES: &[&str] = &["online", "late", "offline", "never_seen"];
const FAMILIES: &[&str] = &["linux", "windows", "freebsd", "macos"];
const RUNTIMES: &[&str] = &["docker", "podman"];
/// As Rust names them.
const ARCHITECTURES: &[&str] = &[
    "x86_64",
    "aarch64",
    "x86",
    "arm",
    "riscv64",
    "riscv32",
    "powerpc64",
    "powerpc",
    "s390x",
    "loongarch64",
    "mips64",
    "mips",
    "sparc64",
];

/// A field of rules and filters with one value.
const fn field(
    field: Field,
    name: &'static str,
    kind: Kind,
    hint: &'static str,
    example: &'static str,
) -> FieldInfo {
    FieldInfo {
        field,
        name,
        kind,
        in_rules: true,
        several: false,
        seconds: false,
        hint,
        example,
        values: match kind {
            Kind::Boolean => BOOLEAN,
            _ => &[],
        },
    }
}

impl FieldInfo {
    const fn filters_only(self) -> Self {
        FieldInfo {
            in_rules: false,
            ..self
        }
    }

    const fn several(self) -> Self {
        FieldInfo {
            several: true,
            ..self
        }
    }

    const fn seconds(self) -> Self {
        FieldInfo {
            seconds: true,
            ..self
        }
    }

    const fn one_of(self, values: &'static [&'static str]) -> Self {
        FieldInfo { values, ..self }
    }
}

/// In the order of [`Field`].
pub(super) const FIELDS: &[FieldInfo] = &[
    field(
        Field::Hostname,
        "hostname",
        Kind::Text,
        "host name as reported",
        "web-01",
    ),
    field(
        Field::Ip,
        "ip",
        Kind::Ip,
        "the address that the server saw at the last contact",
        "10.1.2.3",
    ),
    field(
        Field::Status,
        "status",
        Kind::Enum,
        "what an administrator decided; a rule that does not ask for it takes active systems only",
        "active",
    )
    .one_of(STATUSES),
    field(
        Field::Os,
        "os",
        Kind::Text,
        "name of the operating system",
        "Debian GNU/Linux 12 (bookworm)",
    ),
    field(
        Field::OsFamily,
        "os_family",
        Kind::Enum,
        "kind of operating system",
        "linux",
    )
    .one_of(FAMILIES),
    field(
        Field::Arch,
        "arch",
        Kind::Enum,
        "processor architecture",
        "x86_64",
    )
    .one_of(ARCHITECTURES),
    field(
        Field::Platform,
        "platform",
        Kind::Text,
        "architecture and operating system, as packages are named",
        "x86_64-linux",
    ),
    field(Field::Ver, "ver", Kind::Version, "version of the agent", "1.4.0"),
    field(
        Field::MemTotalMb,
        "mem_total_mb",
        Kind::Number,
        "physical memory in MB of 1024 x 1024 bytes, rounded down",
        "4096",
    ),
    field(
        Field::DiskTotalGb,
        "disk_total_gb",
        Kind::Number,
        "size of the root volume in GB of 1024 MB, rounded down",
        "100",
    ),
    field(
        Field::UptimeSecs,
        "uptime_secs",
        Kind::Number,
        "seconds since the machine booted; 90s, 5m, 2h, 7d can be written",
        "7d",
    )
    .seconds(),
    field(
        Field::ContainersExists,
        "containers_exists",
        Kind::Boolean,
        "whether containers are running",
        "true",
    ),
    field(
        Field::HasRuntime,
        "has_runtime",
        Kind::Enum,
        "what runs its containers; a system can have both",
        "docker",
    )
    .several()
    .one_of(RUNTIMES),
    field(
        Field::AnyContainerImage,
        "any_container_image",
        Kind::Text,
        "image of any running container",
        "nginx:1.27",
    )
    .several(),
    field(
        Field::Tag,
        "tag",
        Kind::Text,
        "any tag of the system",
        "production",
    )
    .several(),
    field(Field::Id, "id", Kind::Number, "id of the system", "42").filters_only(),
    field(
        Field::Presence,
        "presence",
        Kind::Enum,
        "whether it is heard of, by the server's clock",
        "offline",
    )
    .filters_only()
    .one_of(PRESENCES),
    field(
        Field::Group,
        "group",
        Kind::Text,
        "name of any group that it is in",
        "web",
    )
    .filters_only()
    .several(),
    field(
        Field::New,
        "new",
        Kind::Boolean,
        "first seen within the last 24 hours",
        "true",
    )
    .filters_only(),
    field(
        Field::Rebooted,
        "rebooted",
        Kind::Boolean,
        "booted within the last ten minutes",
        "true",
    )
    .filters_only(),
    field(
        Field::CpuPercent,
        "cpu_percent",
        Kind::Number,
        "CPU in use, 0 to 100",
        "80",
    )
    .filters_only(),
    field(
        Field::MemUsedPercent,
        "mem_used_percent",
        Kind::Number,
        "memory in use, 0 to 100",
        "90",
    )
    .filters_only(),
    field(
        Field::DiskUsedPercent,
        "disk_used_percent",
        Kind::Number,
        "root volume in use, 0 to 100",
        "90",
    )
    .filters_only(),
    field(
        Field::ContainerCount,
        "container_count",
        Kind::Number,
        "running containers",
        "3",
    )
    .filters_only(),
    field(
        Field::LastSeenSecs,
        "last_seen_secs",
        Kind::Number,
        "seconds since the last check-in; 90s, 5m, 2h, 7d can be written",
        "2h",
    )
    .filters_only()
    .seconds(),
    field(
        Field::FirstSeenSecs,
        "first_seen_secs",
        Kind::Number,
        "seconds since the first contact; 90s, 5m, 2h, 7d can be written",
        "7d",
    )
    .filters_only()
    .seconds(),
    field(
        Field::ClaimedIp,
        "claimed_ip",
        Kind::Ip,
        "any address that the machine itself claims",
        "192.168.1.7",
    )
    .filters_only()
    .several(),
    field(
        Field::Kernel,
        "kernel",
        Kind::Text,
        "kernel release",
        "6.1.0-28-amd64",
    )
    .filters_only(),
    field(
        Field::Note,
        "note",
        Kind::Text,
        "the note on the system",
        "spare part ordered",
    )
    .filters_only(),
];
